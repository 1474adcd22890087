//! The client of schema registries (Confluent's HTTP interface): asked from workers, answered by a thread of its own.
//!
//! A worker that meets an unknown id asks and goes on with something else; the registry's thread does the request,
//! keeps the answer for all workers and wakes who asked. The thread ends with the last user of the registry.

mod http;
mod tls;

use crate::base::{Error, ErrorKind, Result};
use crate::table::{
    Answer, RegistryAccess, SchemaRegistries, SchemaResolver, Waker, WrongProperty,
};
use http::{Failure, Http};
use std::collections::{HashMap, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Time for which a registry is not asked again for an id that it did not have: short against the patience of whoever
/// registers a schema late, long against a request, which each batch of records would make for each such id.
const UNKNOWN_ID_KEPT: Duration = Duration::from_secs(5);

/// Ids of which it is known that a registry does not have them; an answer takes some hundred bytes.
const UNKNOWN_IDS_MAX: usize = 65_536;

/// Opens registries over HTTP.
#[derive(Debug, Default)]
pub struct HttpRegistries {
    /// Those in use. There are as many as tables that differ in URL or credentials: a handful.
    open: Mutex<Vec<(RegistryAccess, Weak<Registry>)>>,
}

impl SchemaRegistries for HttpRegistries {
    fn open(&self, access: RegistryAccess) -> Result<Arc<dyn SchemaResolver>, WrongProperty> {
        let mut open = locked(&self.open);
        open.retain(|(_, registry)| registry.strong_count() > 0);
        let known = open.iter().find(|(known, _)| *known == access);
        if let Some(registry) = known.and_then(|(_, registry)| registry.upgrade()) {
            return Ok(registry);
        }
        let registry = Arc::new(Registry::new(Http::new(&access)?));
        open.push((access, Arc::downgrade(&registry)));
        Ok(registry)
    }
}

/// What is asked of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Question {
    /// The schema of an id.
    Schema(u32),
    /// The id of a schema under a subject, and whether to register it there.
    Id { subject: String, schema: Arc<str>, register: bool },
}

#[derive(Clone, Debug)]
enum Known {
    Schema(Arc<str>),
    Id(u32),
    /// And when that was told first.
    Failed(Failure, Option<Instant>),
}

type Answers = Arc<Mutex<HashMap<Question, Entry>>>;

/// A question: who waits for the answer, or the answer.
enum Entry {
    Asked(Vec<Waker>),
    Known(Known),
}

/// One registry.
struct Registry {
    answers: Answers,
    http: Arc<Http>,
    questions: Mutex<Option<Sender<Question>>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("http", &self.http).finish_non_exhaustive()
    }
}

impl Registry {
    fn new(http: Http) -> Registry {
        Registry { answers: Answers::default(), http: Arc::new(http), questions: Mutex::new(None) }
    }

    fn ask(&self, question: Question, waker: &Waker) -> Answer<Known> {
        let mut answers = locked(&self.answers);
        match answers.get_mut(&question) {
            Some(Entry::Asked(wakers)) => {
                if !wakers.iter().any(|known| Arc::ptr_eq(known, waker)) {
                    wakers.push(Arc::clone(waker));
                }
                return Answer::Pending;
            }
            Some(Entry::Known(Known::Failed(failure, told)))
                if told.is_none_or(|told| told.elapsed() < UNKNOWN_ID_KEPT) =>
            {
                let error = failure.clone().error();
                // That an id is unknown is told for a while, another failure once.
                if failure.is_of_record() {
                    told.get_or_insert_with(Instant::now);
                } else {
                    answers.remove(&question);
                }
                return Answer::Failed(error);
            }
            Some(Entry::Known(Known::Failed(..))) | None => {}
            Some(Entry::Known(known)) => return Answer::Ready(known.clone()),
        }
        answers.insert(question.clone(), Entry::Asked(vec![Arc::clone(waker)]));
        drop(answers);
        match self.send(question.clone()) {
            Ok(()) => Answer::Pending,
            Err(error) => {
                locked(&self.answers).remove(&question);
                Answer::Failed(error)
            }
        }
    }

    /// Hands a question to the thread, which is started by the first one.
    fn send(&self, question: Question) -> Result<()> {
        let mut questions = locked(&self.questions);
        if questions.is_none() {
            let (sender, receiver) = channel();
            let (http, answers) = (Arc::clone(&self.http), Arc::clone(&self.answers));
            std::thread::Builder::new()
                .name("schema-registry".to_owned())
                .spawn(move || serve(&http, &answers, &receiver))
                .map_err(|error| {
                    Error::new(
                        ErrorKind::External,
                        format!("could not start the thread of the schema registry: {error}"),
                    )
                })?;
            *questions = Some(sender);
        }
        match questions.as_ref().map(|sender| sender.send(question)) {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::internal("the thread of the schema registry is gone")),
        }
    }
}

impl SchemaResolver for Registry {
    fn schema(&self, id: u32, waker: &Waker) -> Answer<Arc<str>> {
        match self.ask(Question::Schema(id), waker) {
            Answer::Ready(Known::Schema(schema)) => Answer::Ready(schema),
            Answer::Ready(_) => Answer::Failed(Error::internal("an id where a schema was asked")),
            Answer::Pending => Answer::Pending,
            Answer::Failed(error) => Answer::Failed(error),
        }
    }

    fn id(&self, subject: &str, schema: &Arc<str>, register: bool, waker: &Waker) -> Answer<u32> {
        let schema = Arc::clone(schema);
        match self.ask(Question::Id { subject: subject.to_owned(), schema, register }, waker) {
            Answer::Ready(Known::Id(id)) => Answer::Ready(id),
            Answer::Ready(_) => Answer::Failed(Error::internal("a schema where an id was asked")),
            Answer::Pending => Answer::Pending,
            Answer::Failed(error) => Answer::Failed(error),
        }
    }
}

/// The thread: one request at a time.
fn serve(http: &Http, answers: &Answers, questions: &Receiver<Question>) {
    let mut unknown = VecDeque::new();
    while let Ok(question) = questions.recv() {
        let answer = match &question {
            Question::Schema(id) => http.schema(*id).map(|schema| Known::Schema(schema.into())),
            Question::Id { subject, schema, register } => {
                http.id(subject, schema, *register).map(Known::Id)
            }
        };
        let answer = answer.unwrap_or_else(|failure| Known::Failed(failure, None));
        if matches!(answer, Known::Failed(..)) {
            unknown.push_back(question.clone());
        }
        let mut answers = locked(answers);
        let asked = answers.insert(question, Entry::Known(answer));
        if unknown.len() > UNKNOWN_IDS_MAX
            && let Some(oldest) = unknown.pop_front()
            && let Some(Entry::Known(Known::Failed(..))) = answers.get(&oldest)
        {
            answers.remove(&oldest);
        }
        drop(answers);
        if let Some(Entry::Asked(wakers)) = asked {
            wakers.iter().for_each(|waker| waker());
        }
    }
}

/// A panic elsewhere leaves nothing half-done behind these locks.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn an_id_that_a_registry_does_not_have_is_not_asked_for_again_at_once() {
        let asked = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&asked);
        let url = http::tests::registry(move |path| {
            counter.fetch_add(1, Ordering::Relaxed);
            match path {
                "/schemas/ids/1" => (404, "{}".to_owned()),
                _ => (400, "{}".to_owned()),
            }
        });
        let access = RegistryAccess { urls: vec![url], ..RegistryAccess::default() };
        let registry = Registry::new(Http::new(&access).unwrap());
        let (sender, answered) = channel();
        let waker: Waker = Arc::new(move || sender.send(()).unwrap());
        for (id, kind, requests) in [(1, ErrorKind::Data, 1), (2, ErrorKind::External, 1 + 3)] {
            for _ in 0..3 {
                let mut answer = registry.schema(id, &waker);
                if let Answer::Pending = answer {
                    answered.recv().unwrap();
                    answer = registry.schema(id, &waker);
                }
                assert!(matches!(answer, Answer::Failed(error) if error.kind() == kind));
            }
            assert_eq!(asked.load(Ordering::Relaxed), requests);
        }
    }
}
