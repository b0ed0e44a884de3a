//! Labels, matchers, samples, annotations, relabelling: the vocabulary.
