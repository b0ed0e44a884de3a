//! `section!`: a block of settings, declared once.
//!
//! ```text
//! section! {
//!     /// What it is for.
//!     pub struct BasicAuth("`basic_auth`", "config.BasicAuth", "config.plain") check check_basic_auth {
//!         /// What the setting does.
//!         username: String,
//!         type_ as "type": String = "Bearer".to_owned(),
//!         tls_config: TlsConfig [keep],
//!         http: HttpClientConfig [inline],
//!     }
//! }
//! ```
//!
//! In parentheses: the block in the user's words, Go's name of the type, and Go's name in messages about unknown keys.
//! From it come the struct, its `Default`, reading with unknown and double keys noted, printing in the given order, and
//! the joining of paths. `[keep]` prints a setting even when empty (no `omitempty` in Go), `[inline]` takes the keys of
//! the inner block as its own, `[flow]` prints a list in brackets. `check` names a function that is called after
//! reading with the value, its node and the reader; `misplaced` a table of keys that belong one level deeper.

macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($what:literal, $go:literal, $plain:literal) $(check $check:path)? $(, misplaced $misplaced:path)? {
            $( $(#[$field_meta:meta])* $field:ident $(as $key:literal)? : $ty:ty $([$flag:ident])? $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Debug)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::section::section!(@default $ty $(, $default)?), )* }
            }
        }

        impl $crate::decode::Section for $name {
            fn keys(out: &mut Vec<&'static str>) {
                let _ = &out;
                $( $crate::section::section!(@keys out, $ty, ($field $(, $key)?) $(, $flag)?); )*
            }

            fn set(&mut self, entry: &firesteel_yaml::Entry<'_>, reader: &mut firesteel_yaml::Reader<'_>) -> bool {
                let _ = (&entry, &reader);
                $( $crate::section::section!(@set self, entry, reader, $field, ($field $(, $key)?) $(, $flag)?); )*
                false
            }

            fn pairs(&self, out: &mut Vec<(String, firesteel_yaml::Out)>) {
                let _ = &out;
                $( $crate::section::section!(@pairs self, out, $field, ($field $(, $key)?) $(, $flag)?); )*
            }
        }

        impl $crate::decode::Decode for $name {
            fn go_type() -> String {
                $go.to_owned()
            }

            fn zero() -> Self {
                Self { $( $field: <$ty as $crate::decode::Decode>::zero(), )* }
            }

            fn fresh() -> Self {
                Self::default()
            }

            fn decode(&mut self, node: &firesteel_yaml::Node, reader: &mut firesteel_yaml::Reader<'_>) {
                if node.is_null() {
                    *self = Self::zero();
                    return;
                }
                let mut keys = Vec::new();
                <Self as $crate::decode::Section>::keys(&mut keys);
                let misplaced: &'static [(&'static str, &'static str)] = $crate::section::section!(@misplaced $($misplaced)?);
                let shape = firesteel_yaml::Shape { what: $what, go_type: $plain, keys, misplaced };
                let Some(entries) = reader.mapping(node, &shape) else { return };
                for entry in &entries {
                    $crate::decode::Section::set(self, entry, reader);
                }
                $( $check(self, node, reader); )?
            }

            fn is_zero(&self) -> bool {
                true $( && $crate::decode::Decode::is_zero(&self.$field) )*
            }

            fn encode(&self) -> firesteel_yaml::Out {
                let mut out = Vec::new();
                $crate::decode::Section::pairs(self, &mut out);
                firesteel_yaml::Out::Map(out)
            }

            fn set_directory(&mut self, dir: &std::path::Path) {
                let _ = dir;
                $( $crate::decode::Decode::set_directory(&mut self.$field, dir); )*
            }
        }
    };

    (@default $ty:ty) => { <$ty as $crate::decode::Decode>::fresh() };
    (@default $ty:ty, $default:expr) => { $default };

    (@misplaced) => { &[] };
    (@misplaced $table:path) => { $table };

    (@key ($field:ident)) => { stringify!($field) };
    (@key ($field:ident, $key:literal)) => { $key };

    (@keys $out:ident, $ty:ty, $names:tt, inline) => { <$ty as $crate::decode::Section>::keys($out) };
    (@keys $out:ident, $ty:ty, $names:tt $(, $flag:ident)?) => { $out.push($crate::section::section!(@key $names)) };

    (@set $self:ident, $entry:ident, $reader:ident, $field:ident, $names:tt, inline) => {
        if $crate::decode::Section::set(&mut $self.$field, $entry, $reader) {
            return true;
        }
    };
    (@set $self:ident, $entry:ident, $reader:ident, $field:ident, $names:tt $(, $flag:ident)?) => {
        if $entry.name == $crate::section::section!(@key $names) {
            let value = &mut $self.$field;
            $reader.within($entry.name, |reader| $crate::decode::Decode::decode(value, $entry.value, reader));
            return true;
        }
    };

    (@pairs $self:ident, $out:ident, $field:ident, $names:tt, inline) => {
        $crate::decode::Section::pairs(&$self.$field, $out);
    };
    (@pairs $self:ident, $out:ident, $field:ident, $names:tt, keep) => {
        $out.push(($crate::section::section!(@key $names).to_owned(), $crate::decode::Decode::encode(&$self.$field)));
    };
    (@pairs $self:ident, $out:ident, $field:ident, $names:tt, flow) => {
        if !$crate::decode::Decode::is_zero(&$self.$field) {
            let value = $crate::decode::Decode::encode(&$self.$field).in_flow();
            $out.push(($crate::section::section!(@key $names).to_owned(), value));
        }
    };
    (@pairs $self:ident, $out:ident, $field:ident, $names:tt $(, hidden)?) => {
        if !$crate::decode::Decode::is_zero(&$self.$field) {
            $out.push(($crate::section::section!(@key $names).to_owned(), $crate::decode::Decode::encode(&$self.$field)));
        }
    };
}
pub(crate) use section;
