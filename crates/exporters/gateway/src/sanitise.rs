//! A group's labels on the metrics pushed to it: they win over the metric's own, and `instance` is never missing, so that a
//! scraper that honours labels does not add its own.

use firesteel_model::{Labels, push_packed};

use crate::GroupLabels;

const INSTANCE: &str = "instance";

/// Returns the metric's labels with the group's, by name; empty values stay.
pub(crate) fn sanitised(labels: &Labels, group: &GroupLabels) -> Labels {
    let mut packed = Vec::with_capacity(labels.as_packed().len() + 64);
    let mut own = labels.iter().peekable();
    let has_instance = group.get(INSTANCE).is_some() || labels.iter().any(|(name, _)| name == INSTANCE);
    let mut instance = (!has_instance).then_some((INSTANCE, ""));
    let mut put = |pair: (&str, &str)| {
        push_packed(&mut packed, pair.0);
        push_packed(&mut packed, pair.1);
    };
    for pair in group.iter() {
        while let Some(mine) = own.next_if(|mine| mine.0 < pair.0) {
            if let Some(empty) = instance.take_if(|empty| empty.0 < mine.0) {
                put(empty);
            }
            put(mine);
        }
        own.next_if(|mine| mine.0 == pair.0);
        if let Some(empty) = instance.take_if(|empty| empty.0 < pair.0) {
            put(empty);
        }
        put(pair);
    }
    for mine in own {
        if let Some(empty) = instance.take_if(|empty| empty.0 < mine.0) {
            put(empty);
        }
        put(mine);
    }
    if let Some(empty) = instance {
        put(empty);
    }
    Labels::from_packed(&packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_wins_and_instance_is_there() {
        let shown = |own: &[(&str, &str)], group: &[(&str, &str)]| {
            let own = Labels::from_pairs(own.iter().copied());
            let group = GroupLabels::new(group.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
            sanitised(&own, &group).iter().map(|(n, v)| format!("{n}={v};")).collect::<String>()
        };
        let job = [("job", "j")];
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Pairs<'_>, Pairs<'_>, &str); 6] = [
            (&[], &job, "instance=;job=j;"),
            (&[("a", "1"), ("z", "2")], &job, "a=1;instance=;job=j;z=2;"),
            (&[("job", "own"), ("instance", "i")], &job, "instance=i;job=j;"),
            (&[("instance", "i")], &[("instance", ""), ("job", "j")], "instance=;job=j;"),
            (&[("b", "1"), ("k", "1")], &[("a", "0"), ("b", "2"), ("job", "j")], "a=0;b=2;instance=;job=j;k=1;"),
            (&[], &[("a", "1")], "a=1;instance=;"),
        ];
        for (own, group, want) in cases {
            assert_eq!(shown(own, group), want);
        }
    }
}
