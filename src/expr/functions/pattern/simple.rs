//! Texts read and times written by a pattern as a lenient `SimpleDateFormat` does.
//!
//! A text sets the fields of a `java.util.GregorianCalendar` one after the other. Of several ways to name a day, such as
//! day of the month and week of the year, the one that was completed last holds (`Calendar.selectFields`).

use super::calendar::{Calendar, on_or_before};
use super::{DAYS, Item, JavaPattern, Letter, MICROS_PER_DAY, MONTHS, read_offset};

/// A pattern as `SimpleDateFormat` takes it: brackets are characters like others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimplePattern<'p>(&'p JavaPattern);

impl JavaPattern {
    /// The pattern where `SimpleDateFormat` knows all its letters.
    ///
    /// # Errors
    /// As `SimpleDateFormat` says it.
    pub(crate) fn simple(&self) -> Result<SimplePattern<'_>, String> {
        let unknown = |item: &Item| {
            Some(match item {
                Item::Field(Letter::Offset('x'), _) => 'x',
                Item::Field(Letter::Quarter, _) => 'Q',
                Item::Field(Letter::DayOfWeekNumber, _) => 'e',
                Item::Field(Letter::NanoOfSecond, _) => 'n',
                Item::Field(Letter::MilliOfDay, _) => 'A',
                Item::Field(Letter::NanoOfDay, _) => 'N',
                Item::Field(Letter::DayPeriod, _) => 'B',
                Item::Pad(_) => 'p',
                _ => return None,
            })
        };
        match self.items.iter().find_map(unknown) {
            Some(letter) => Err(format!("illegal pattern character '{letter}'")),
            None => Ok(SimplePattern(self)),
        }
    }
}

impl SimplePattern<'_> {
    /// Writes a local time in microseconds since 1970, which is `offset` microseconds ahead of UTC.
    pub(crate) fn format(self, local: i64, offset: i64, out: &mut String) {
        self.0.write((local, 0), offset, Calendar::Legacy, ["[", "]"], out);
    }

    /// Reads the beginning of a text: numbers have any width and range, February 30th is in March, hour 25 on the next
    /// day. Years of two digits are at most 80 years before `now`,
    /// which is in microseconds since 1970.
    pub(crate) fn parse_leniently(self, text: &str, now: i64) -> Option<SimpleTime> {
        let mut fields = Fields::default();
        let mut rest = text;
        for (at, item) in self.0.items.iter().enumerate() {
            match item {
                Item::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Item::Field(letter, count) => {
                    let text = rest.trim_start_matches([' ', '\t']);
                    let next = self.0.items.get(at + 1);
                    let abuts =
                        matches!(next, Some(Item::Field(next, count)) if !is_text(*next, *count));
                    rest = match letter {
                        Letter::Offset(letter) => {
                            let (offset, rest) = read_offset(*letter, *count, text)?;
                            fields.offset = Some(offset);
                            rest
                        }
                        _ if is_text(*letter, *count) => fields.read_text(*letter, text)?,
                        _ => fields.read_number(*letter, *count, abuts, text, now)?,
                    };
                }
                Item::Optional => rest = rest.strip_prefix('[')?,
                Item::EndOfOptional => rest = rest.strip_prefix(']')?,
                Item::Pad(_) => return None,
            }
        }
        Some(SimpleTime { local: fields.resolve()?, offset: fields.offset })
    }
}

/// What a text says of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SimpleTime {
    /// Microseconds since 1970 on the clock that the text shows.
    pub(crate) local: i64,
    /// How far that clock is ahead of UTC, in microseconds, where the text says so.
    offset: Option<i64>,
}

impl SimpleTime {
    /// The moment; `of_zone` says what a time of the zone is in UTC.
    pub(crate) fn utc(self, of_zone: impl Fn(i64) -> i64) -> i64 {
        self.offset.map_or_else(|| of_zone(self.local), |offset| self.local.saturating_sub(offset))
    }
}

fn is_text(letter: Letter, count: usize) -> bool {
    matches!(letter, Letter::DayOfWeek | Letter::AmPm | Letter::Era | Letter::Offset(_))
        || (letter == Letter::Month && count >= 3)
}

/// The longest name, in full or short, that the text begins with, in capitals or not.
fn read_name<'t>(names: &[&str], short: usize, text: &'t str) -> Option<(i64, &'t str)> {
    let begins =
        |name: &str| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let full = names.iter().position(|name| begins(name)).map(|at| (at, names.get(at)));
    let (at, length) = match full {
        Some((at, name)) => (at, name?.len()),
        None => (names.iter().position(|name| name.get(..short).is_some_and(begins))?, short),
    };
    Some((i64::try_from(at).ok()?, text.get(length..)?))
}

/// The fields of a calendar, each with its place in the order in which they were set.
#[derive(Debug, Default)]
struct Fields {
    set: usize,
    before_christ: bool,
    year: Stamped,
    week_year: Stamped,
    month: Stamped,
    day: Stamped,
    day_of_year: Stamped,
    week_of_year: Stamped,
    week_of_month: Stamped,
    /// Which one of these days of the week in the month.
    day_of_week_in_month: Stamped,
    /// 0 is Sunday.
    day_of_week: Stamped,
    pm: Stamped,
    half_hour: Stamped,
    hour: Stamped,
    minute: Stamped,
    second: Stamped,
    milli: Stamped,
    /// Microseconds ahead of UTC.
    offset: Option<i64>,
}

/// A value, and when it was set; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
struct Stamped {
    value: i64,
    at: usize,
}

impl Stamped {
    fn or(self, value: i64) -> i64 {
        if self.at == 0 { value } else { self.value }
    }

    /// When both were set.
    fn with(self, other: Stamped) -> usize {
        if self.at == 0 || other.at == 0 { 0 } else { self.at.max(other.at) }
    }
}

impl Fields {
    fn read_text<'t>(&mut self, letter: Letter, text: &'t str) -> Option<&'t str> {
        self.set += 1;
        let at = self.set;
        let (value, rest) = match letter {
            Letter::Month => read_name(&MONTHS, 3, text)?,
            Letter::DayOfWeek => read_name(&DAYS, 3, text)?,
            Letter::AmPm => read_name(&["AM", "PM"], 2, text)?,
            _ => read_name(&["BC", "AD"], 2, text)?,
        };
        match letter {
            Letter::Month => self.month = Stamped { value, at },
            Letter::DayOfWeek => self.day_of_week = Stamped { value: (value + 1) % 7, at },
            Letter::AmPm => self.pm = Stamped { value, at },
            _ => self.before_christ = value == 0,
        }
        Some(rest)
    }

    fn read_number<'t>(
        &mut self,
        letter: Letter,
        count: usize,
        abuts: bool,
        text: &'t str,
        now: i64,
    ) -> Option<&'t str> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        // A sign is one of the characters of a field that another number follows.
        let sign = text.len() - unsigned.len();
        let most = if abuts { count.saturating_sub(sign) } else { usize::MAX };
        let digits = unsigned.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at_checked(sign + digits)?;
        // Years and the like beyond 32 bits overflow in Java.
        let mut value = i64::from(number.parse::<i32>().ok()?);
        let field = match letter {
            Letter::Year | Letter::WeekYear => {
                if count <= 2 && sign == 0 && digits == 2 {
                    value = in_century(value, now);
                }
                if letter == Letter::Year { &mut self.year } else { &mut self.week_year }
            }
            Letter::Month => {
                value -= 1;
                &mut self.month
            }
            Letter::DayOfMonth => &mut self.day,
            Letter::DayOfYear => &mut self.day_of_year,
            Letter::WeekOfYear => &mut self.week_of_year,
            Letter::WeekOfMonth => &mut self.week_of_month,
            Letter::DayInSeven => &mut self.day_of_week_in_month,
            // `u`: Monday is 1, Sunday 7.
            Letter::YearOrDay => {
                value = value.rem_euclid(7);
                &mut self.day_of_week
            }
            Letter::Hour24 => &mut self.hour,
            Letter::HourFrom1To24 => {
                value = if value == 24 { 0 } else { value };
                &mut self.hour
            }
            Letter::HourFrom0To11 => &mut self.half_hour,
            Letter::Hour12 => {
                value = if value == 12 { 0 } else { value };
                &mut self.half_hour
            }
            Letter::Minute => &mut self.minute,
            Letter::Second => &mut self.second,
            // Milliseconds, however many digits there are.
            Letter::Fraction => &mut self.milli,
            _ => return None,
        };
        self.set += 1;
        *field = Stamped { value, at: self.set };
        Some(rest)
    }

    /// Microseconds since 1970.
    fn resolve(&self) -> Option<i64> {
        let by_hour = self.half_hour.with(self.pm);
        let hour = match self.hour.at {
            at if at >= by_hour && at > 0 => self.hour.value,
            _ => self.half_hour.value + 12 * self.pm.value,
        };
        let seconds = hour * 3_600 + self.minute.value * 60 + self.second.value;
        let of_day = seconds * 1_000_000 + self.milli.value * 1_000;
        self.days().checked_mul(MICROS_PER_DAY)?.checked_add(of_day)
    }

    /// Days since 1970 (`CalendarBuilder.establish`, `Calendar.selectFields`, `GregorianCalendar.getFixedDate`).
    fn days(&self) -> i64 {
        if self.week_year.at > self.year.at {
            // Month and day do not count beside a year of weeks.
            let weeks = (self.week_of_year.or(1) - 1) * 7;
            return Calendar::Legacy.first_week(self.week_year.value)
                + weeks
                + self.day_of_week.or(0);
        }
        let year = self.year.or(1970);
        let year = if self.before_christ { 1 - year } else { year };
        let of_month = |day: i64| {
            let month = self.month.or(0);
            let number = u32::try_from(month.rem_euclid(12)).unwrap_or(0) + 1;
            Calendar::Legacy.days(year + month.div_euclid(12), number, day)
        };
        match self.day_by() {
            DayBy::Month => of_month(self.day.or(1)),
            DayBy::WeekOfMonth => {
                let week = on_or_before(of_month(1), 0) + (self.week_of_month.value - 1) * 7;
                week + self.day_of_week.or(0)
            }
            DayBy::DayOfWeekInMonth => {
                let (nth, day) = (self.day_of_week_in_month.or(1), self.day_of_week.or(0));
                on_or_before(of_month(1) + 7 * nth - 1, day)
            }
            DayBy::Year => Calendar::Legacy.days(year, 1, self.day_of_year.value),
            DayBy::WeekOfYear => {
                let weeks = (self.week_of_year.value - 1) * 7;
                Calendar::Legacy.first_week(year) + weeks + self.day_of_week.or(0)
            }
        }
    }

    /// The last complete way to name a day; with none, the last beginning of one.
    fn day_by(&self) -> DayBy {
        let in_month = [
            (self.day.at, DayBy::Month),
            (self.week_of_month.with(self.day_of_week), DayBy::WeekOfMonth),
            (self.day_of_week_in_month.with(self.day_of_week), DayBy::DayOfWeekInMonth),
            (self.day_of_year.at, DayBy::Year),
            (self.week_of_year.with(self.day_of_week), DayBy::WeekOfYear),
        ];
        let begun = [
            (self.week_of_month.at, DayBy::WeekOfMonth),
            (self.day_of_week_in_month.at.max(self.day_of_week.at), DayBy::DayOfWeekInMonth),
            (self.week_of_year.at, DayBy::WeekOfYear),
        ];
        let last = |ways: &[(usize, DayBy)]| {
            // Of two that were set at once, by the day of the week, the one whose own number came later.
            let set = ways.iter().filter(|(at, _)| *at > 0);
            set.max_by_key(|(at, by)| (*at, self.own(*by))).map(|(_, by)| *by)
        };
        last(&in_month).or_else(|| last(&begun)).unwrap_or(DayBy::Month)
    }

    fn own(&self, by: DayBy) -> usize {
        match by {
            DayBy::Month => self.day.at,
            DayBy::WeekOfMonth => self.week_of_month.at,
            DayBy::DayOfWeekInMonth => self.day_of_week_in_month.at,
            DayBy::Year => self.day_of_year.at,
            DayBy::WeekOfYear => self.week_of_year.at,
        }
    }
}

/// A way to name a day.
#[derive(Clone, Copy, Debug)]
enum DayBy {
    Month,
    WeekOfMonth,
    DayOfWeekInMonth,
    Year,
    WeekOfYear,
}

/// The year of two digits that is at most 80 years ago and less than 20 years away, counted in whole years.
fn in_century(value: i64, now: i64) -> i64 {
    let first = Calendar::Legacy.date(now.div_euclid(MICROS_PER_DAY)).0 - 80;
    first + (value - first).rem_euclid(100)
}
