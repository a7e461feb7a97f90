"""Every golden file by the codec built for Windows. The test is that of the host on Linux, run with another machine."""

from tests.mql5 import test_golden as here

results = here.results  # the fixture

test_mql5_reads_and_writes_the_golden_file = here.test_mql5_reads_and_writes_the_golden_file
