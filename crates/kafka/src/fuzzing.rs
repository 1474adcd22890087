//! Entry points of the fuzz targets: total functions of any bytes.
