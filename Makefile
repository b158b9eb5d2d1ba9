# make            builds ./dqn            make test    runs the tests
# make check      the tests under ASan and UBSan
# make msan       the tests in C under MSan; make coverage: which branches the tests take
# make fuzz       looks for input that breaks the readers; make fuzz-replay: the known ones
# make bench      measures the speed of this machine, beside its own peak
# make learning   trains seeds 1 to 20 of CartPole and says how many learned
# make intervals  how often the intervals of reports hold the truth
# make mutants    makes the mistakes of tests/mutations, which the tests must catch
# make portable   whether other compilers and processors compute the same bytes
# make engines    the recipes of configs/README.md: xargs, make, parallel, ssh, Slurm
# make tutorial   the sweep of the README, its table and its figure; make reference: the keys in configs/README.md
# make kill9      kills runs 200 times; make faults: fails every call of the system once
# make interop    the logs in pandas, gnuplot and R; exported policies on other CPUs
# make lint       warnings, clang-tidy, cppcheck, shellcheck, clang-format, layering
# make install    PREFIX=/usr/local, DESTDIR for packaging; make dist: the sources as a tar
# V=1 prints whole commands.
# Knobs, from the command line or the environment; the flags that the program cannot be
# built without are below.
CC ?= cc
CPPFLAGS ?=
CFLAGS ?= -O2 -g1
LDFLAGS ?=
LDLIBS ?=
PREFIX ?= /usr/local
bindir ?= $(PREFIX)/bin
datadir ?= $(PREFIX)/share
mandir ?= $(datadir)/man
DESTDIR ?=
BUILD = build

version := $(shell sed -n 's/^.define DQN_VERSION "\(.*\)"/\1/p' include/cli/version.h)
# What the compiler says of itself under these flags.
macros := $(shell $(CC) $(CPPFLAGS) $(CFLAGS) -dM -E -x c /dev/null)
# A compiler without GNU's intrinsics (tcc) builds the plain kernels alone.
gnu := $(filter __GNUC__,$(macros))
target := $(if $(gnu),$(filter __x86_64__ __i386__ __aarch64__ __s390__,$(macros)))
system := $(filter __APPLE__ __FreeBSD__ __DragonFly__ __NetBSD__,$(macros))
warnings = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
required = -std=c11 -D_POSIX_C_SOURCE=200809L $(posix_$(system)) -D_FILE_OFFSET_BITS=64 -Iinclude \
	-ffp-contract=off -fno-fast-math $(float_$(target))
# Where POSIX alone hides what the others show beside it: SIGWINCH, TIOCGWINSZ, ru_maxrss.
posix___APPLE__ = -D_DARWIN_C_SOURCE
posix___FreeBSD__ = -D__BSD_VISIBLE=1
posix___DragonFly__ = -D__BSD_VISIBLE=1
posix___NetBSD__ = -D_NETBSD_SOURCE
# Where float would otherwise be computed in a wider type.
float___i386__ = -msse2 -mfpmath=sse
float___s390__ = -fexcess-precision=fast
# Against what an unknown mistake could be used for. They come before CFLAGS and LDFLAGS,
# which have the last word; HARDEN= and HARDEN_LINK= leave them out. FORTIFY_SOURCE
# needs an optimising compiler, and hides calls from sanitizers; a static program is no PIE.
static = $(filter -static,$(CC) $(CFLAGS) $(LDFLAGS))
fortify = $(if $(filter __OPTIMIZE__,$(macros)),$(if $(filter _FORTIFY_SOURCE,$(macros))$(findstring \
	-fsanitize,$(CC) $(CPPFLAGS) $(CFLAGS)),,-D_FORTIFY_SOURCE=2))
comma := ,
HARDEN = -fstack-protector-strong $(if $(static),,-fPIE) $(fortify)
HARDEN_LINK = $(if $(filter __ELF__,$(macros)),-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now $(if $(static),,-pie))
compile = $(CC) $(required) $(warnings) $(HARDEN) $(CPPFLAGS) $(CFLAGS) $(if $(gnu),-MMD -MP,-MD)
link = $(CC) $(HARDEN_LINK) $(CFLAGS) $(LDFLAGS)
# A line per file, unless V=1 or -s.
quiet = $(if $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS))),,@printf '%s\n' '$(1)';)
# A word of the shell, whatever is in it.
quote = '$(subst ','\'',$(1))'

# All but what computes waits for files and people: -O1, unless CFLAGS are someone's own, compiles it in
# two thirds of the time.
computes = nn/% env/% rl/% run/train base/pmath base/rng base/sha256 base/text
light = $(if $(filter file,$(origin CFLAGS)),-O1)

# The kernels are compiled once per instruction set, chosen at run time; with lines to debug
# by but no variables, which take gcc a third of the time of these files.
isas = scalar $(isas_$(target))
isas___x86_64__ = sse2 avx2 avx512
isas___i386__ = sse2
isas___aarch64__ = neon
flags_sse2 = -DKERNELS_SSE2 -msse2
flags_neon = -DKERNELS_NEON
flags_avx2 = -DKERNELS_AVX2 -mavx2 -mfma
flags_avx512 = -DKERNELS_AVX512 -mavx512f

sources := $(filter-out src/nn/kernels.c,$(wildcard src/*/*.c))
# The kernels first: each takes as long as twenty other files.
objects = $(isas:%=$(BUILD)/nn/kernels_%.o) $(sources:src/%.c=$(BUILD)/%.o)
library = $(filter-out $(BUILD)/cli/%,$(objects))
fuzzers := $(patsubst tests/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
tests := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c)) $(fuzzers)
# The default build leaves its program where the README says; others keep it apart.
program = $(if $(filter build,$(BUILD)),./dqn,$(BUILD)/dqn)

MAKEFLAGS += --no-builtin-rules

all: $(program)

$(program): $(objects)
	$(call quiet,LD $@)$(link) -o $@ $^ $(LDLIBS) -lm

$(BUILD)/%.o: src/%.c $(BUILD)/flags
	$(call quiet,CC $<)$(compile) $(if $(filter $(computes),$*),,$(light)) -c -o $@ $<

$(BUILD)/nn/kernels_%.o: src/nn/kernels.c $(BUILD)/flags
	$(call quiet,CC $< ($*))$(compile) $(flags_$*) $(if $(filter -g,$(CFLAGS)),-g1) -c -o $@ $<

# A header that has gone is no error: the files that included it are compiled again. gcc and
# clang write such rules themselves (-MP), tcc does not.
include/%.h: ;

# The tests have two more environments, and the program with them is dqn-toy.
toys = $(BUILD)/tests/toy.o
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(compile) -c -o $@ $<

$(BUILD)/tests/%: tests/%.c $(library) $(toys)
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(compile) $(HARDEN_LINK) $(LDFLAGS) -Itests -Isrc/nn -o $@ $< $(toys) \
		$(filter-out %/env/table.o,$(library)) $(LDLIBS) -lm

$(BUILD)/tests/dqn-toy: $(objects) $(toys)
	$(call quiet,LD $@)$(link) -o $@ $(toys) $(filter-out %/env/table.o,$(objects)) $(LDLIBS) -lm

# A fuzz target with a main program of its own; or with libFuzzer's, where FUZZER names it.
FUZZER =
$(fuzzers:%=$(BUILD)/tests/%): %: %.o $(BUILD)/tests/fuzz/checksum.o \
	$(if $(FUZZER),,$(BUILD)/tests/fuzz/replay.o) $(filter-out %/sha256.o,$(library))
	$(call quiet,LD $@)$(link) $(FUZZER) -o $@ $(filter %.o,$^) $(LDLIBS) -lm

# A changed compiler or flag rebuilds everything.
flags = $(call quote,$(compile) $(HARDEN_LINK) $(LDFLAGS) $(LDLIBS))
$(BUILD)/flags: force
	@mkdir -p $(sort $(dir $(objects)))
	@printf '%s\n' $(flags) | cmp -s - $@ || printf '%s\n' $(flags) >$@

TESTS =
test: $(program) $(tests:%=$(BUILD)/tests/%) $(BUILD)/tests/dqn-toy
	@DQN=$(program) BUILD=$(BUILD) sh tests/run $(TESTS)

sanitize = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# These read sources and scripts, or build programs of their own: nothing is sanitized in them.
unsanitized = cli_build.sh cli_instructions.sh cli_pages.sh cli_source.sh cli_learning.sh cli_harness.sh
sanitized = $(filter-out $(unsanitized),$(notdir $(wildcard tests/test_*.c tests/fuzz/fuzz_*.c tests/cli_*.sh)))
check:
	@$(MAKE) --no-print-directory BUILD=build/check CFLAGS='-O1 -g $(sanitize)' test TESTS='$(or $(TESTS),$(sanitized))'

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
	@DQN=$(program) BUILD=build/fuzz FUZZ_RUNS=$(FUZZ_RUNS) sh tests/fuzz/run $(FUZZ)

# The program as a whole, by AFL++.
afl:
	@$(MAKE) --no-print-directory BUILD=build/afl CC=afl-clang-fast CFLAGS='-O2 -g' all
	@DQN=build/afl/dqn BUILD=build/afl sh tests/fuzz/afl

# The inputs that were found worth keeping; make test has them, too.
fuzz-replay: $(fuzzers:%=$(BUILD)/tests/%)
	@BUILD=$(BUILD) sh tests/run $(notdir $(fuzzers:=.c))

bench: $(program)
	@$(program) bench

CONFIG = configs/cartpole.ini
FROM = 1
TO = 20
learning: $(program)
	@DQN=$(program) sh tests/learning $(CONFIG) $(FROM) $(TO)

# 200 kills with SIGKILL, and CHILD_KILLS more with children, each run to the same bytes.
kill9: $(program)
	@DQN=$(program) sh tests/kill9

# Sweeps by what configs/README.md says runs them; ENGINES names a few of them.
engines: $(program)
	@DQN=$(program) bash tests/engines $(ENGINES)

# Every call of open, write, malloc ... fails once; FAULTS names a few of them.
faults: $(program) $(BUILD)/tests/faults.so
	@DQN=$(program) BUILD=$(BUILD) sh tests/faults $(FAULTS)

$(BUILD)/tests/faults.so: tests/faults.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(compile) -D_GNU_SOURCE -fPIC -shared -o $@ $< -ldl

interop: $(program)
	@DQN=$(program) sh tests/interop

# How often the intervals of reports hold the truth, a line per case.
TRIALS = 20000
intervals: $(BUILD)/tests/test_intervals
	@TRIALS=$(TRIALS) $<

mutants:
	@CC='$(CC)' sh tests/mutants

ablation: $(program)
	@DQN=$(program) sh tests/ablation

tutorial: $(program)
	@DQN=$(program) sh tests/tutorial

reference: $(program)
	@DQN=$(program) sh tests/reference

portable: $(program)
	@DQN=$(program) BUILD=build/portable sh tests/portable

format:
	clang-format -i src/*/*.[ch] include/*/*.h tests/*.[ch] tests/fuzz/*.[ch]

$(BUILD)/dqn.1: $(program)
	$(call quiet,GEN $@)$(program) help --man >$@.tmp && mv $@.tmp $@

$(BUILD)/completions.%: $(program)
	$(call quiet,GEN $@)$(program) completions $* >$@.tmp && mv $@.tmp $@

# Where each shell looks for what it completes the arguments of dqn with.
completions_bash = bash-completion/completions/dqn
completions_zsh = zsh/site-functions/_dqn
completions_fish = fish/vendor_completions.d/dqn.fish
shells = bash zsh fish
bin = $(call quote,$(DESTDIR)$(bindir))
man = $(call quote,$(DESTDIR)$(mandir)/man1)
data = $(call quote,$(DESTDIR)$(datadir))
install: $(program) $(BUILD)/dqn.1 $(shells:%=$(BUILD)/completions.%)
	install -d $(bin) $(man) $(data)/dqn/configs/env $(foreach s,$(shells),$(data)/$(dir $(completions_$s)))
	install -m 755 $(program) $(bin)/dqn
	install -m 644 $(BUILD)/dqn.1 $(man)/dqn.1
	install -m 644 configs/*.ini $(data)/dqn/configs
	install -m 644 configs/env/*.* $(data)/dqn/configs/env
	$(foreach s,$(shells),install -m 644 $(BUILD)/completions.$s $(data)/$(completions_$s) &&) :

uninstall:
	rm -f $(bin)/dqn $(man)/dqn.1 $(foreach s,$(shells),$(data)/$(completions_$s))
	rm -rf $(data)/dqn

# What git has, or in an unpacked archive what was in that.
dist_dir = dqn-$(version)
dist_files = .ci .clang-format .clang-tidy .gitignore LICENSE Makefile README.md configs include src tests
dist:
	@rm -rf build/$(dist_dir) && mkdir -p build/$(dist_dir)
	@if [ -e .git ]; then git archive HEAD | tar -xf - -C build/$(dist_dir); \
		else cp -R $(dist_files) build/$(dist_dir); fi
	tar -czf build/$(dist_dir).tar.gz -C build $(dist_dir)

clean:
	rm -rf build dqn

.PHONY: all test check msan coverage fuzz fuzz-replay afl bench learning intervals mutants kill9 faults interop \
	engines ablation tutorial reference portable lint format install uninstall dist clean force
.DELETE_ON_ERROR:
.SECONDARY:
-include $(objects:.o=.d) $(toys:.o=.d) $(tests:%=$(BUILD)/tests/%.d) $(wildcard $(BUILD)/tests/fuzz/*.d)
