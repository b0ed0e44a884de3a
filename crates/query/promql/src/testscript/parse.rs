//! Reading a script.

use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_go_compat::{parse_duration, parse_float, unquote};
use firesteel_model::Labels;
use firesteel_promql_syntax::{ParserOptions, SeriesItem, parse, parse_series_desc};
use firesteel_re2::AnchoredRegex;

use super::{
    Command, Eval, ExpectedSeries, Load, LoadedSeries, Point, Script, ScriptError, Steps, TextMatch, When, literal,
    starts,
};

impl Script {
    /// Reads a script.
    ///
    /// Errors with the line: an unknown command, a series or an expression that does not parse. A parse error can
    /// therefore not be an expected failure.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut lines = Lines::new(text);
        let mut commands = Vec::new();
        while let Some((number, line)) = lines.next() {
            if line.is_empty() {
                continue;
            }
            let word = line.split([' ', '\t']).next().unwrap_or_default().to_lowercase();
            commands.push(if word == "clear" {
                Command::Clear
            } else if word.starts_with("load") {
                Command::Load(parse_load(&mut lines, number, line)?)
            } else if word.starts_with("eval") {
                Command::Eval(parse_eval(&mut lines, number, line)?)
            } else {
                return Err(error(number, format!("invalid command \"{line}\"")));
            });
        }
        Ok(Self { commands })
    }
}

fn error(line: usize, message: impl Into<String>) -> ScriptError {
    ScriptError { line, message: message.into() }
}

/// Lines trimmed, comments emptied, with numbers from 1.
struct Lines<'a> {
    lines: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.lines().enumerate().peekable() }
    }

    fn next(&mut self) -> Option<(usize, &'a str)> {
        let (at, line) = self.lines.next()?;
        let line = line.trim();
        Some((at + 1, if line.starts_with('#') { "" } else { line }))
    }

    /// Returns the next line of a block, which an empty line or the end closes.
    fn next_of_block(&mut self) -> Option<(usize, &'a str)> {
        self.next().filter(|(_, line)| !line.is_empty())
    }
}

fn parse_load(lines: &mut Lines<'_>, number: usize, line: &str) -> Result<Load, ScriptError> {
    let syntax = || error(number, "invalid load command. (load[_with_nhcb] <step:duration>)");
    let (word, gap) = line.split_once([' ', '\t']).ok_or_else(syntax)?;
    let with_nhcb = match word {
        "load" => false,
        "load_with_nhcb" => true,
        _ => return Err(syntax()),
    };
    let gap = parse_duration(gap.trim())
        .map_err(|e| error(number, format!("invalid step definition \"{}\": {e}", gap.trim())))?;
    let mut load = Load { gap, with_nhcb, ..Load::default() };
    let mut pending: Option<(usize, Labels, Vec<Option<i64>>)> = None;
    let alone = |line: usize| error(line, "@st line has no following sample line");
    while let Some((number, line)) = lines.next_of_block() {
        if let Some((series, sequence)) = starts::split(line) {
            if let Some((line, ..)) = pending {
                return Err(alone(line));
            }
            let (labels, _) = parse_series(number, &format!("{series} _"))?;
            let sequence = starts::parse(sequence).map_err(|e| error(number, format!("invalid @st sequence: {e}")))?;
            pending = Some((number, labels, sequence));
            continue;
        }
        let (labels, points) = parse_series(number, line)?;
        let mut starts = Vec::new();
        if let Some((line, of, sequence)) = pending.take() {
            if of != labels {
                return Err(error(line, "@st metric does not match the following sample line metric"));
            }
            if sequence.len() != points.len() {
                let (n, of) = (sequence.len(), points.len());
                return Err(error(line, format!("@st line has {n} values but sample line has {of}")));
            }
            starts = sequence;
        }
        let series = LoadedSeries { labels, points, starts };
        match load.series.iter_mut().find(|known| known.labels == series.labels) {
            Some(known) => *known = series,
            None => load.series.push(series),
        }
    }
    match pending {
        Some((line, ..)) => Err(alone(line)),
        None => Ok(load),
    }
}

pub(super) fn parse_series(number: usize, line: &str) -> Result<(Labels, Vec<Point>), ScriptError> {
    let description = parse_series_desc(line).map_err(|e| error(number, e.to_string()))?;
    let mut points = Vec::new();
    for item in description.items {
        match item {
            SeriesItem::Omitted { count } => points.extend((0..count).map(|_| Point::Omitted)),
            SeriesItem::Float { value, increment, count } => {
                let mut value = value;
                for i in 0..count {
                    if i > 0 && increment != 0.0 {
                        value += increment;
                    }
                    points.push(Point::Float(value));
                }
            }
            SeriesItem::Histogram(run) => points.extend(literal::points(&run).map_err(|e| error(number, e))?),
        }
    }
    Ok((description.labels, points))
}

const EVAL_SYNTAX: &str = "invalid evaluation command. Must be either 'eval[_fail|_warn|_ordered] instant [at \
    <offset:duration>] <query>' or 'eval[_fail|_warn] range from <from> to <to> step <step> <query>'";

fn parse_eval(lines: &mut Lines<'_>, number: usize, line: &str) -> Result<Eval, ScriptError> {
    let mut eval = parse_eval_head(number, line)?;
    if let Err(e) = parse(&eval.expr, ParserOptions::ALL) {
        return Err(error(number, e.to_string()));
    }
    let of_eval = |message: String| error(number, format!("error in eval {} (line {number}): {message}", eval.expr));
    let mut range_vector = None;
    let mut block = EvalBlock::default();
    while let Some((number, line)) = lines.next_of_block() {
        if eval.fail && line.starts_with("expected_fail_message") {
            let text = line["expected_fail_message".len()..].trim();
            block.fail_message.push(TextMatch::Equal(text.to_owned()));
            // These and a number end the block: another command may follow without an empty line.
            break;
        } else if eval.fail && line.starts_with("expected_fail_regexp") {
            block.fail_message.push(search(line["expected_fail_regexp".len()..].trim()).map_err(of_eval)?);
            break;
        } else if let Some(rest) = line.strip_prefix("expect range vector") {
            range_vector = Some(parse_range_vector(rest).map_err(of_eval)?);
        } else if let Some(rest) = line.strip_prefix("expect string") {
            let text = unquote(rest.trim().as_bytes()).map_err(|e| of_eval(e.to_string()))?;
            block.string = Some(String::from_utf8_lossy(&text).into_owned());
        } else if line.split(' ').next() == Some("expect") {
            block.expect(line).map_err(of_eval)?;
        } else if let Some(v) = parse_number(line) {
            block.scalar = Some(v);
            break;
        } else {
            let (labels, points) = parse_series(number, line)?;
            if points.len() > 1 && matches!(eval.when, When::Instant(_)) && range_vector.is_none() {
                return Err(of_eval(
                    "expecting multiple values in instant evaluation not allowed. consider using 'expect range \
                     vector' directive to enable a range vector result for an instant query"
                        .to_owned(),
                ));
            }
            block.series.push(ExpectedSeries { labels, points });
        }
    }
    if let Some(steps) = range_vector {
        eval.when = When::RangeVector(steps);
    }
    block.finish(&mut eval);
    Ok(eval)
}

/// What the lines under an eval say.
#[derive(Default)]
struct EvalBlock {
    series: Vec<ExpectedSeries>,
    scalar: Option<f64>,
    string: Option<String>,
    ordered: bool,
    fail: bool,
    fail_message: Vec<TextMatch>,
    warnings: Vec<TextMatch>,
    infos: Vec<TextMatch>,
    no_warn: bool,
    no_info: bool,
}

impl EvalBlock {
    fn expect(&mut self, line: &str) -> Result<(), String> {
        let syntax = "invalid expect statement, must match `expect <type> <match_type>: <string>` format";
        let rest = line["expect".len()..].trim_start();
        let (kind, how) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let how = how.trim_start();
        let text = if how.is_empty() {
            TextMatch::Any
        } else if let Some(text) = how.strip_prefix("msg:") {
            TextMatch::Equal(text.trim().to_owned())
        } else if let Some(pattern) = how.strip_prefix("regex:") {
            search(pattern.trim()).map_err(|_| format!("invalid regex {} for {kind}", pattern.trim()))?
        } else {
            return Err(syntax.to_owned());
        };
        match kind {
            "ordered" => self.ordered = true,
            "fail" if self.fail => {
                return Err("invalid expect lines, multiple expect fail lines are not allowed".to_owned());
            }
            "fail" => {
                self.fail = true;
                self.fail_message.push(text);
            }
            "warn" => self.warnings.push(text),
            "info" => self.infos.push(text),
            "no_warn" => self.no_warn = true,
            "no_info" => self.no_info = true,
            _ => return Err(syntax.to_owned()),
        }
        if self.no_info && !self.infos.is_empty() {
            return Err("invalid expect lines, info and no_info cannot be used together".to_owned());
        }
        if self.no_warn && !self.warnings.is_empty() {
            return Err("invalid expect lines, warn and no_warn cannot be used together".to_owned());
        }
        Ok(())
    }

    fn finish(self, eval: &mut Eval) {
        eval.expected = self.series;
        eval.expected_scalar = self.scalar;
        eval.expected_string = self.string;
        eval.ordered |= self.ordered;
        eval.fail |= self.fail;
        eval.fail_message = self.fail_message;
        eval.warnings = self.warnings;
        eval.infos = self.infos;
        eval.no_warn = self.no_warn;
        eval.no_info = self.no_info;
    }
}

/// Reads `eval instant at <t> <expr>` or `eval range from <t> to <t> step <d> <expr>`, the older suffixes included.
fn parse_eval_head(number: usize, line: &str) -> Result<Eval, ScriptError> {
    let syntax = || error(number, EVAL_SYNTAX);
    let mut rest = line;
    let word = next_word(&mut rest).ok_or_else(syntax)?;
    let suffix = word.strip_prefix("eval").ok_or_else(syntax)?;
    let kind = next_word(&mut rest).ok_or_else(syntax)?;
    let is_instant = match kind {
        "instant" => true,
        "range" => false,
        _ => return Err(syntax()),
    };
    let known = matches!(suffix, "" | "_fail" | "_warn" | "_info") || suffix == "_ordered" && is_instant;
    if !known {
        return Err(syntax());
    }
    let when = if is_instant {
        if next_word(&mut rest) != Some("at") {
            return Err(syntax());
        }
        let at = next_word(&mut rest).ok_or_else(syntax)?;
        let at = time(at).map_err(|e| error(number, format!("invalid timestamp definition \"{at}\": {e}")))?;
        When::Instant(at)
    } else {
        When::Range(parse_steps(&mut rest).map_err(|e| error(number, e))?)
    };
    Ok(Eval {
        line: number,
        expr: rest.trim().to_owned(),
        when,
        expected: Vec::new(),
        expected_scalar: None,
        expected_string: None,
        ordered: suffix == "_ordered",
        fail: suffix == "_fail",
        warn: suffix == "_warn",
        info: suffix == "_info",
        fail_message: Vec::new(),
        warnings: Vec::new(),
        infos: Vec::new(),
        no_warn: false,
        no_info: false,
    })
}

/// Cuts the next word off.
fn next_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start();
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (word, left) = text.split_at(end);
    *rest = left;
    (!word.is_empty()).then_some(word)
}

/// Reads `from <t> to <t> step <d>` and leaves what follows.
fn parse_steps(rest: &mut &str) -> Result<Steps, String> {
    let mut value = |name: &str| -> Result<TimestampMs, String> {
        if next_word(rest) != Some(name) {
            return Err(EVAL_SYNTAX.to_owned());
        }
        let word = next_word(rest).ok_or(EVAL_SYNTAX)?;
        time(word).map_err(|e| format!("invalid {name} timestamp definition \"{word}\": {e}"))
    };
    let (start, end, step) = (value("from")?, value("to")?, value("step")?);
    if end < start {
        return Err(format!("invalid test definition, end timestamp ({end:?}) is before start timestamp ({start:?})"));
    }
    Ok(Steps { start, end, step_ms: step.0.max(1) })
}

fn parse_range_vector(text: &str) -> Result<Steps, String> {
    let mut rest = text;
    let steps = parse_steps(&mut rest)?;
    if rest.trim().is_empty() { Ok(steps) } else { Err(format!("invalid range vector definition \"{text}\"")) }
}

fn time(text: &str) -> Result<TimestampMs, String> {
    let duration: Duration = parse_duration(text).map_err(|e| e.to_string())?;
    Ok(TimestampMs(duration.as_millis() as i64))
}

/// Reads a number as upstream's scripts do: a whole number in any of Go's notations (`010` is eight), else a float.
fn parse_number(text: &str) -> Option<f64> {
    parse_whole(text).map(|v| v as f64).or_else(|| parse_float(text).ok())
}

/// Reads what `strconv.ParseInt(text, 0, 64)` reads.
fn parse_whole(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let lower = unsigned.to_ascii_lowercase();
    let (radix, digits) = [("0x", 16), ("0o", 8), ("0b", 2), ("0", 8)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((radix, lower.strip_prefix(prefix)?)))
        .filter(|(_, digits)| !digits.is_empty())
        .unwrap_or((10, &lower));
    // Underscores stand between digits, or behind what says the base.
    let is_misplaced = digits.ends_with('_') || digits.contains("__") || radix == 10 && digits.starts_with('_');
    if is_misplaced || digits.starts_with(['-', '+']) {
        return None;
    }
    let digits = digits.replace('_', "");
    let magnitude = u64::from_str_radix(&digits, radix).ok()?;
    if text.starts_with('-') { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Compiles a pattern that may match anywhere.
fn search(pattern: &str) -> Result<TextMatch, String> {
    let regex = AnchoredRegex::new(&format!(".*(?:{pattern}).*")).map_err(|e| e.to_string())?;
    Ok(TextMatch::Search(regex, pattern.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_all_notations() {
        let cases = [
            ("5", 5.0),
            ("-0x1f", -31.0),
            ("010", 8.0),
            ("0b101", 5.0),
            ("0o17", 15.0),
            ("1_000", 1000.0),
            ("09", 9.0),
            ("1e3", 1000.0),
            ("-.5", -0.5),
            ("0", 0.0),
            ("+Inf", f64::INFINITY),
            ("99999999999999999999", 1e20),
        ];
        for (text, want) in cases {
            assert_eq!(parse_number(text), Some(want), "{text}");
        }
        for text in ["", "x", "1 2", "up", "--1", "_1", "0x"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }
}
