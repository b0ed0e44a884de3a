//! Every code that the sources can emit has its page, and every page a source.

mod emitted;
