# make            builds ./dqn            make test    runs the tests
# make check      the tests under ASan and UBSan
# make msan       the tests in C under MSan; make coverage: which branches the tests take
# make fuzz       looks for input that breaks the readers; make fuzz-replay: the known ones
# make bench      measures the speed of this machine, beside its own peak
# make learning   trains seeds 1 to 20 of CartPole and says how many learned
# make portable   whether other compilers and processors compute the same bytes
# make engines    the README's recipes for sweeps: xargs, make, parallel, ssh, Slurm
# make tutorial   the sweep of the README, its table and its figure
# make kill9      kills runs 200 times; make faults: fails every call of the system once
# make interop    the logs in pandas, gnuplot and R
# make lint       warnings, clang-tidy, cppcheck, shellcheck, clang-format, layering
# make install    PREFIX=/usr/local, DESTDIR for packaging
# Knobs; what the program cannot be built without is kept apart below.
CC = cc
CFLAGS = -O3 -g
LDFLAGS =
PREFIX = /usr/local
DESTDIR =
BUILD = build

version := $(shell sed -n 's/^.define DQN_VERSION "\(.*\)"/\1/p' include/cli/version.h)
# What the compiler says of itself under these flags.
macros := $(shell $(CC) $(CFLAGS) -dM -E -x c /dev/null)
target := $(filter __x86_64__ __i386__ __aarch64__ __s390__,$(macros))
warnings = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
required = -std=c11 -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -Iinclude \
	-ffp-contract=off -fno-fast-math $(float_$(target))
# Where float would otherwise be computed in a wider type.
float___i386__ = -msse2 -mfpmath=sse
float___s390__ = -fexcess-precision=fast
# Against what an unknown mistake could be used for. They come before CFLAGS and LDFLAGS,
# which have the last word; HARDEN= and HARDEN_LINK= leave them out. FORTIFY_SOURCE
# needs an optimising compiler, and hides calls from sanitizers; a static program is no PIE.
static = $(filter -static,$(CC) $(CFLAGS) $(LDFLAGS))
fortify = $(if $(filter __OPTIMIZE__,$(macros)),$(if \
	$(filter _FORTIFY_SOURCE,$(macros))$(findstring -fsanitize,$(CFLAGS)),,-D_FORTIFY_SOURCE=2))
HARDEN = -fstack-protector-strong $(if $(static),,-fPIE) $(fortify)
HARDEN_LINK = $(if $(filter __ELF__,$(macros)),-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) $(if $(static),,-pie)
comma := ,
compile = $(CC) $(required) $(warnings) $(HARDEN) $(CFLAGS) -MMD -MP
link = $(CC) $(HARDEN_LINK) $(CFLAGS)

# The kernels are compiled once per instruction set, chosen at run time.
isas = scalar $(isas_$(target))
isas___x86_64__ = sse2 avx2 avx512
isas___i386__ = sse2
isas___aarch64__ = neon
flags_sse2 = -DKERNELS_SSE2 -msse2
flags_neon = -DKERNELS_NEON
flags_avx2 = -DKERNELS_AVX2 -mavx2 -mfma
flags_avx512 = -DKERNELS_AVX512 -mavx512f

sources := $(filter-out src/nn/kernels.c,$(wildcard src/*/*.c))
objects = $(sources:src/%.c=$(BUILD)/%.o) $(isas:%=$(BUILD)/nn/kernels_%.o)
library = $(filter-out $(BUILD)/cli/%,$(objects))
fuzzers := $(patsubst tests/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
tests := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c)) $(fuzzers)
# The default build leaves its program where the README says; others keep it apart.
program = $(if $(filter build,$(BUILD)),dqn,$(BUILD)/dqn)

MAKEFLAGS += --no-builtin-rules

all: $(program)

$(program): $(objects)
	$(link) $(LDFLAGS) -o $@ $^ -lm

$(BUILD)/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(compile) -c -o $@ $<

$(BUILD)/nn/kernels_%.o: src/nn/kernels.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(compile) $(flags_$*) -c -o $@ $<

# The tests have two more environments, and the program with them is dqn-toy.
toys = $(BUILD)/tests/toy.o
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(compile) -c -o $@ $<

$(BUILD)/tests/%: tests/%.c $(library) $(toys)
	@mkdir -p $(@D)
	$(compile) $(HARDEN_LINK) -Itests -Isrc/nn -o $@ $< $(toys) $(filter-out %/table.o,$(library)) $(LDFLAGS) -lm

$(BUILD)/tests/dqn-toy: $(objects) $(toys)
	$(link) $(LDFLAGS) -o $@ $(toys) $(filter-out %/table.o,$(objects)) -lm

# A fuzz target with a main program of its own; or with libFuzzer's, where FUZZER names it.
FUZZER =
$(fuzzers:%=$(BUILD)/tests/%): %: %.o $(BUILD)/tests/fuzz/checksum.o \
	$(if $(FUZZER),,$(BUILD)/tests/fuzz/replay.o) $(filter-out %/sha256.o,$(library))
	$(link) $(FUZZER) -o $@ $(filter %.o,$^) $(LDFLAGS) -lm

# A changed compiler or flag rebuilds everything.
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@echo '$(compile) $(HARDEN_LINK) $(LDFLAGS)' | cmp -s - $@ || \
		echo '$(compile) $(HARDEN_LINK) $(LDFLAGS)' >$@

TESTS =
test: $(program) $(tests:%=$(BUILD)/tests/%) $(BUILD)/tests/dqn-toy
	@DQN=$(abspath $(program)) BUILD=$(BUILD) sh tests/run $(TESTS)

sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
check:
	@$(MAKE) --no-print-directory BUILD=build/check CFLAGS='-O1 -g $(sanitize)' test

# Every C test, those of the readers among them, with uninitialised memory noticed.
msan_flags = -O1 -g -include tests/msan.h -fsanitize=memory -fno-sanitize-recover=all -fno-omit-frame-pointer
msan:
	@$(MAKE) --no-print-directory BUILD=build/msan CC=clang CFLAGS='$(msan_flags)' test TESTS='$(notdir $(tests:=.c))'

# How many branches of src/ the tests take; the list of the others, and LEAST percent.
LEAST = 90
coverage:
	@rm -rf build/coverage/*/*.gcda
	@$(MAKE) --no-print-directory BUILD=build/coverage CC=gcc CFLAGS='-O0 -g --coverage' test
	@BUILD=build/coverage LEAST=$(LEAST) sh tests/coverage

lint:
	@CC='$(CC)' sh tests/lint

# Looks for inputs that break the readers: FUZZ_RUNS tries each, of FUZZ, on one core.
FUZZ = $(fuzzers:fuzz/fuzz_%=%)
FUZZ_RUNS = 20000
# Comparisons are not traced: without, twice as many inputs a second find more branches in
# the same time. The kernels read no file, and some would take minutes to compile.
fuzz_build = $(MAKE) --no-print-directory BUILD=build/fuzz CC=clang FUZZER=-fsanitize=fuzzer \
	CFLAGS='-O2 -g $(sanitize) -fsanitize=fuzzer-no-link \
		-fno-sanitize-coverage=trace-cmp -fsanitize-coverage-ignorelist=tests/fuzz/ignore' \
	$(foreach isa,$(isas),'flags_$(isa)=$(flags_$(isa)) -fno-sanitize=all')
fuzz: $(program)
	@$(fuzz_build) $(FUZZ:%=build/fuzz/tests/fuzz/fuzz_%)
	@DQN=$(abspath $(program)) BUILD=build/fuzz FUZZ_RUNS=$(FUZZ_RUNS) sh tests/fuzz/run $(FUZZ)

# The program as a whole, by AFL++.
afl:
	@$(MAKE) --no-print-directory BUILD=build/afl CC=afl-clang-fast CFLAGS='-O2 -g' all
	@DQN=$(abspath build/afl/dqn) BUILD=build/afl sh tests/fuzz/afl

# The inputs that were found worth keeping; make test has them, too.
fuzz-replay: $(fuzzers:%=$(BUILD)/tests/%)
	@BUILD=$(BUILD) sh tests/run $(notdir $(fuzzers:=.c))

bench: $(program)
	@$(abspath $(program)) bench

CONFIG = configs/cartpole.ini
FROM = 1
TO = 20
learning: $(program)
	@DQN=$(abspath $(program)) sh tests/learning $(CONFIG) $(FROM) $(TO)

# 200 kills with SIGKILL, each run to the same bytes in the end.
kill9: $(program)
	@DQN=$(abspath $(program)) sh tests/kill9

# Sweeps by what the README says runs them; ENGINES names a few of them.
engines: $(program)
	@DQN=$(abspath $(program)) bash tests/engines $(ENGINES)

# Every call of open, write, malloc ... fails once; FAULTS names a few of them.
faults: $(program) $(BUILD)/tests/faults.so
	@DQN=$(abspath $(program)) BUILD=$(BUILD) sh tests/faults $(FAULTS)

$(BUILD)/tests/faults.so: tests/faults.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(compile) -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl

interop: $(program)
	@DQN=$(abspath $(program)) sh tests/interop

ablation: $(program)
	@DQN=$(abspath $(program)) sh tests/ablation

tutorial: $(program)
	@DQN=$(abspath $(program)) sh tests/tutorial

portable: $(program)
	@DQN=$(abspath $(program)) BUILD=build/portable sh tests/portable

format:
	clang-format -i src/*/*.[ch] include/*/*.h tests/*.[ch] tests/fuzz/*.[ch]

$(BUILD)/dqn.1: $(program)
	$(abspath $(program)) help --man >$@.tmp && mv $@.tmp $@

# Where each shell looks for what it completes the arguments of dqn with.
completions_bash = share/bash-completion/completions/dqn
completions_zsh = share/zsh/site-functions/_dqn
completions_fish = share/fish/vendor_completions.d/dqn.fish
completions = $(completions_bash) $(completions_zsh) $(completions_fish)

$(BUILD)/completions.%: $(program)
	$(abspath $(program)) completions $* >$@.tmp && mv $@.tmp $@

install: $(program) $(BUILD)/dqn.1 $(patsubst %,$(BUILD)/completions.%,bash zsh fish)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/dqn/configs $(dir $(completions:%=$(DESTDIR)$(PREFIX)/%))
	install -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/dqn
	install -m 644 $(BUILD)/dqn.1 $(DESTDIR)$(PREFIX)/share/man/man1/dqn.1
	install -m 644 configs/*.ini $(DESTDIR)$(PREFIX)/share/dqn/configs
	install -m 644 $(BUILD)/completions.bash $(DESTDIR)$(PREFIX)/$(completions_bash)
	install -m 644 $(BUILD)/completions.zsh $(DESTDIR)$(PREFIX)/$(completions_zsh)
	install -m 644 $(BUILD)/completions.fish $(DESTDIR)$(PREFIX)/$(completions_fish)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/dqn $(DESTDIR)$(PREFIX)/share/man/man1/dqn.1
	rm -f $(completions:%=$(DESTDIR)$(PREFIX)/%)
	rm -rf $(DESTDIR)$(PREFIX)/share/dqn

dist:
	@mkdir -p build
	git archive --prefix=dqn-$(version)/ -o build/dqn-$(version).tar.gz HEAD

clean:
	rm -rf build dqn

.PHONY: all test check msan coverage fuzz fuzz-replay afl bench learning kill9 faults interop engines \
	ablation tutorial portable lint format install uninstall dist clean force
.DELETE_ON_ERROR:
.SECONDARY:
-include $(objects:.o=.d) $(toys:.o=.d) $(tests:%=$(BUILD)/tests/%.d) $(wildcard $(BUILD)/tests/fuzz/*.d)
