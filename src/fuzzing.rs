//! Entry points of the fuzz targets and of the replay of their corpus.
//!
//! Each takes any bytes and may only return; a panic is a finding.
