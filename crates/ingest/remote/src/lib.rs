//! Remote write receiver and remote read endpoint.
