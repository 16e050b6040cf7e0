"""Pure parts of the design: who plays, when, with which seed, told what, and how a reply is read."""
