//! What the loader refuses, and what the tokenizer finds.

use super::*;
