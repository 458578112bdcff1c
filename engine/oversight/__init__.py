"""督办: `items` are what the office drives others to do; `dates` is what may be asked of a due date: 延期, 中止, 恢复."""
