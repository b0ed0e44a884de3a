//! Schemas: how fine the buckets are, or that their bounds are custom.

/// The finest exponential schema: 256 buckets to a power of two.
pub const SCHEMA_MAX: i32 = 8;
/// The coarsest exponential schema.
pub const SCHEMA_MIN: i32 = -4;
/// The finest schema that is understood, though only after its resolution is reduced.
pub const SCHEMA_MAX_RESERVED: i32 = 52;
/// The coarsest schema that the reserved range has.
pub const SCHEMA_MIN_RESERVED: i32 = -9;
/// The schema of histograms with custom bucket bounds (NHCB).
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;

/// Returns whether bucket bounds are custom.
#[inline]
pub const fn is_custom_schema(schema: i32) -> bool {
    schema == CUSTOM_BUCKETS_SCHEMA
}

/// Returns whether the schema is exponential and supported.
#[inline]
pub const fn is_exponential_schema(schema: i32) -> bool {
    SCHEMA_MIN <= schema && schema <= SCHEMA_MAX
}

/// Returns whether the schema is supported as it is.
#[inline]
pub const fn is_valid_schema(schema: i32) -> bool {
    is_custom_schema(schema) || is_exponential_schema(schema)
}

/// Returns whether the schema is supported, if need be with reduced resolution.
#[inline]
pub const fn is_known_schema(schema: i32) -> bool {
    is_custom_schema(schema) || (SCHEMA_MIN_RESERVED <= schema && schema <= SCHEMA_MAX_RESERVED)
}
