//! What a script may ask of the parser.

/// Bytes of one script. Positions are 32 bits wide, and no script written by people or by a
/// generator for people comes near it.
pub const SCRIPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Levels of parentheses, subqueries, calls and types inside one another. The parser recurses
/// once per level, so this bounds its stack (a debug build needs about 10 KiB per level, and a
/// thread has 2 MiB). Scripts of the survey stay below 12.
pub const NESTING_MAX: u32 = 64;

/// Levels of the tree of one expression or FROM clause, counting also the levels that a chain of
/// infix operators adds (`a OR b OR c` has 3). Whoever walks the tree recurses this deep.
pub const TREE_HEIGHT_MAX: u32 = 1_000;

/// Expected words that an error message lists; more would hide the message.
pub const EXPECTED_SHOWN_MAX: usize = 12;
