"""红黄绿灰: lamps as a pure function of facts. Nothing stores a lamp, and nothing sets one."""
