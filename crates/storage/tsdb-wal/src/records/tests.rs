//! Records: upstream's bytes, and hostile ones.

mod golden;
mod hostile;
