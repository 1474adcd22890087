//! `brooklet topic`: look at, create, delete, write and read topics.

use super::args::TopicArguments;
use super::exit::Exit;

pub(super) fn topic(_arguments: &TopicArguments) -> Exit {
    super::status::say("error: not supported yet: brooklet topic");
    Exit::Refused
}
