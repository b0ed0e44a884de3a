//! Command lines in upstream's manners, logging, exit codes.
