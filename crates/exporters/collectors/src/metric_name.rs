//! Names that the kernel or a driver makes up, as names of metrics.

/// Replaces each run of characters that no name may have, with the underscores around it, by one underscore. Colons go
/// too: they are for what rules compute.
pub(crate) fn metric_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(bad) = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        let (good, behind) = rest.split_at(bad);
        name.push_str(good.trim_end_matches('_'));
        name.push('_');
        let behind = behind.trim_start_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        rest = behind.trim_start_matches('_');
    }
    name.push_str(rest);
    name
}

#[cfg(test)]
mod tests {
    use super::metric_name;

    #[test]
    fn runs_become_one_underscore() {
        let cases = [
            ("a_b", "a_b"),
            ("kernel.pid_max", "kernel_pid_max"),
            ("fs.file-nr", "fs_file_nr"),
            ("a__.:_b", "a_b"),
            ("rx queue[0]: drops", "rx_queue_0_drops"),
            (".a.", "_a_"),
            ("__a__", "__a__"),
        ];
        for (text, want) in cases {
            assert_eq!(metric_name(text), want, "{text}");
        }
    }
}
