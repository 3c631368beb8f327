//! Model providers behind one reply type.
