//! What can be wrong with a chunk's bytes.

/// A chunk cannot be decoded. Bits count from the start of the chunk, its sample count included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The stream ends inside a sample.
    #[error("chunk ends inside the sample at bit {at_bit}")]
    Truncated { at_bit: usize },
    /// The bytes are fewer than the sample count's two.
    #[error("chunk of {bytes} bytes is shorter than its header")]
    NoHeader { bytes: usize },
    /// A time or its delta is no varint of 64 bits.
    #[error("varint at bit {at_bit} overflows 64 bits")]
    VarintOverflow { at_bit: usize },
    /// Leading zeros and significant bits of a value exceed 64.
    #[error("impossible window of {leading} leading zeros and {significant} bits at bit {at_bit}")]
    BadWindow { at_bit: usize, leading: u32, significant: u32 },
    /// The spans of a histogram chunk describe buckets that cannot be.
    #[error("impossible bucket layout before bit {at_bit}")]
    BadLayout { at_bit: usize },
    #[error("{}", firesteel_model::HistogramError::UnknownSchema { schema: *schema })]
    UnknownSchema { schema: i32 },
    /// The chunk is handed to a decoder of another kind of samples.
    #[error("chunk has encoding {encoding}, which is decoded elsewhere")]
    OtherEncoding { encoding: u8 },
}

/// A sample was not appended, and the chunk is as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChunkFull {
    /// The memory given is too short; this many bytes are needed in all.
    #[error("chunk needs {need} bytes")]
    Bytes { need: usize },
    /// The chunk holds 65,535 samples, more than its header can count.
    #[error("chunk capacity exceeded")]
    Samples,
    /// What was appended before cannot be read back to write it anew.
    #[error("chunk cannot be recoded")]
    Unreadable,
}
