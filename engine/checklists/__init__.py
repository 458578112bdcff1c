"""Checklists (清单核查): templates as data, signed item by item at three levels by three different people, and the gate behind."""
