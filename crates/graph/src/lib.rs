//! The typed builder, the compiled plan, the operators and the tick of deltaview
