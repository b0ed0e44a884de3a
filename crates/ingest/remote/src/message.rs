//! Which of the two messages a request carries, by its `Content-Type`.

/// The protobuf messages of remote write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// `prometheus.WriteRequest`.
    V1,
    /// `io.prometheus.write.v2.Request`.
    V2,
}

const PROTOBUF: &str = "application/x-protobuf";

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// Returns the message's full name.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "prometheus.WriteRequest",
            Self::V2 => "io.prometheus.write.v2.Request",
        }
    }

    /// Finds a kind by its message's full name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Reads a `Content-Type`; an error is upstream's text (`client_golang/exp/api/remote`).
    pub(crate) fn of_content_type(content_type: &str) -> Result<Self, String> {
        let content_type = if content_type.is_empty() { PROTOBUF } else { content_type.trim() };
        let mut parts = content_type.split(';');
        if parts.next() != Some(PROTOBUF) {
            return Err(format!("expected {PROTOBUF} as the first (media) part, got {content_type} content-type"));
        }
        for part in parts {
            let mut pair = part.split('=');
            let (Some(key), Some(value), None) = (pair.next(), pair.next(), pair.next()) else {
                return Err(format!(
                    "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be key-values, got \
                     {part} in {content_type} content-type"
                ));
            };
            if key == "proto" {
                return Self::by_name(value).ok_or_else(|| {
                    format!(
                        "got {content_type} content type; unknown type for remote write protobuf message {value}, \
                         supported: {}",
                        names(&Self::ALL)
                    )
                });
            }
        }
        Ok(Self::V1)
    }
}

/// Returns the names as upstream lists them.
pub(crate) fn names(kinds: &[MessageKind]) -> String {
    kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}
