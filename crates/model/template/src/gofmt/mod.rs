//! Go's `fmt` over template values: `Sprint`, `Sprintln`, `Sprintf`.

mod format;
mod number;
mod printer;
mod text;

use crate::value::Value;
use printer::Printer;

/// `fmt.Sprint`: blanks between operands when neither is a string.
pub(crate) fn sprint(args: &[Value]) -> String {
    let mut out = String::new();
    print_to(&mut out, args);
    out
}

/// As [`sprint`], behind what is there.
pub(crate) fn print_to(out: &mut String, args: &[Value]) {
    let mut printer = Printer::new(std::mem::take(out));
    let mut after_string = false;
    for (at, arg) in args.iter().enumerate() {
        let is_string = matches!(arg, Value::String(..));
        if at > 0 && !is_string && !after_string {
            printer.out.push(' ');
        }
        printer.arg(arg, 'v');
        after_string = is_string;
    }
    *out = printer.out;
}

/// `fmt.Sprintln`
pub(crate) fn sprintln(args: &[Value]) -> String {
    let mut printer = Printer::new(String::new());
    for (at, arg) in args.iter().enumerate() {
        if at > 0 {
            printer.out.push(' ');
        }
        printer.arg(arg, 'v');
    }
    printer.out.push('\n');
    printer.out
}

/// `fmt.Sprintf`
pub(crate) fn sprintf(format: &str, args: &[Value]) -> String {
    format::sprintf(format, args)
}
