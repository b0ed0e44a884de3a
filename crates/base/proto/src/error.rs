//! What is wrong with bytes that should be a message. The texts are those of Go's generated decoders.

/// Bytes are not the message they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    #[error("unexpected EOF")]
    UnexpectedEof,
    #[error("proto: integer overflow")]
    Overflow,
    #[error("proto: illegal wireType {0}")]
    IllegalWireType(u8),
    #[error("proto: wrong wireType = {wire} for field {field}")]
    WrongWireType { wire: u8, field: &'static str },
    #[error("proto: {message}: illegal tag {tag} (wire type {wire})")]
    IllegalTag { message: &'static str, tag: i32, wire: u8 },
    #[error("proto: {message}: wiretype end group for non-group")]
    EndGroup { message: &'static str },
    #[error("proto: unexpected end of group")]
    GroupEnd,
    /// Groups within groups beyond any use.
    #[error("proto: nesting too deep")]
    TooDeep,
}
