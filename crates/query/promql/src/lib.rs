//! PromQL: plan, columnar operators, functions, test scripts.
