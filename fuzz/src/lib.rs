//! Shared plumbing of the fuzz targets.
