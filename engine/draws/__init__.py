"""Verifiable draws by lot (双随机): the published algorithm, its repetition from an export, and the draws on record."""
