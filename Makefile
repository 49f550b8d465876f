# Every target sets up what it needs, once, in .venv: the demo what listening needs, all others
# everything.

VENV := .venv
IN_VENV := $(VENV)/bin
BASE := $(VENV)/.installed-base
INSTALLED := $(VENV)/.installed
AGENTS := .venv-agents
LOWEST := .venv-lowest
LOCK := requirements-base.txt

# Another Python: make test PYTHON=python3.11
PYTHON ?=
# Options of pytest: make test ARGS='-k log_mel' runs what is chosen, in one process and without
# coverage. Without ARGS the whole suite runs in WORKERS processes, and coverage has to reach the
# floor that pyproject.toml sets.
ARGS ?=
WORKERS ?= auto

.PHONY: help demo test test-agents test-lowest fuzz lint lock mypy screenshot results bench \
    bench-long soak clean distclean \
    portaudio sound-server browser broker

help:
	@echo "make demo       play recordings that come with the package, and recognise their emotions"
	@echo "make test       run all tests; ARGS='-k log_mel' runs some of them"
	@echo "make test-agents run those of voice agents alone: Pipecat, LiveKit; make test runs them too"
	@echo "make test-lowest run them with the lowest versions that setup.py accepts; ARGS as above"
	@echo "make fuzz       read a thousand damaged inputs of each kind; CASES=100 for fewer, ONLY=yaml"
	@echo "make lint       check style, types and spelling"
	@echo "make lock       renew $(LOCK), the versions and hashes of what listening needs"
	@echo "make screenshot make the pictures of README.md and docs/serve.md again (Chromium)"
	@echo "make results    measure the shipped models on the corpora again: CORPORA=DIR"
	@echo "make bench      measure speed, latency, memory and size again; ONLY='features listen' for parts"
	@echo "make bench-long measure ten hours of sound again"
	@echo "make soak       measure a day of sound with faults, and 200 repetitions of each fault"
	@echo "make clean      remove caches and builds; make distclean removes $(VENV) too"

demo: $(BASE) portaudio
	@$(IN_VENV)/ser-stream demo

whole_suite = -n $(WORKERS) --dist loadgroup --cov --cov-report=term

# Where ROS 2 is installed, its tests run too.
test: SHELL := bash
test: $(INSTALLED) portaudio sound-server browser broker
	@[ -n "$$ROS_DISTRO" ] || for setup in /opt/ros/*/setup.bash; do \
	    if [ -f "$$setup" ]; then . "$$setup"; fi; \
	done; \
	OMP_NUM_THREADS=1 $(IN_VENV)/python -m pytest $(if $(ARGS),$(ARGS),$(whole_suite))
	@$(if $(ARGS),,$(MAKE) --no-print-directory test-agents)

# The adapters of frameworks for voice agents, which need other versions of some packages: 0.8 GB.
agents_tests = tests/integrations/test_pipecat.py tests/integrations/test_livekit.py \
    tests/examples/test_pipecat_bot.py tests/examples/test_livekit_agent.py
test-agents: $(AGENTS)/.installed
	@OMP_NUM_THREADS=1 $(AGENTS)/bin/python -m pytest $(agents_tests) \
	|| [ $$? = 5 ] || exit 1  # 5: all are skipped, because neither can be installed

# All packages in the lowest versions that setup.py accepts, in an environment of its own, with the
# oldest Python: 6 GB, since PyPI's torch brings CUDA. `make test` tests those of the base.
test-lowest: lowest_pip = $(LOWEST)/bin/python -m pip install -q --disable-pip-version-check
test-lowest: portaudio sound-server browser broker
	@python=$(or $(PYTHON),python3.10); $$python --version || { \
	    echo "$$python is missing; name a Python 3.10: make test-lowest PYTHON=FILE" >&2; exit 1; \
	}; \
	$$python -m venv --clear $(LOWEST)
	@$(lowest_pip) -U pip
	@$(lowest_pip) --no-deps -e .
	@$(LOWEST)/bin/python tools/lowest_versions.py test >$(LOWEST)/constraints.txt
	@$(lowest_pip) -c $(LOWEST)/constraints.txt -e '.[test]'
	@OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest $(or $(ARGS),-n $(WORKERS) --dist loadgroup)

# Damaged inputs of each kind; ONLY=models for one of them.
CASES ?= 1000
fuzz: $(INSTALLED)
	@for kind in $(or $(ONLY),models audio messages yaml grammars); do \
	    OMP_NUM_THREADS=1 $(IN_VENV)/python tools/fuzz_$$kind.py --cases $(CASES) || exit 1; \
	done

lint: $(INSTALLED) mypy
	@$(IN_VENV)/ruff check .
	@$(IN_VENV)/ruff format --check .
	@$(IN_VENV)/codespell

# The newest versions that setup.py accepts, for every Python and computer.
lock: $(INSTALLED)
	@$(IN_VENV)/python -m pip install -q --disable-pip-version-check uv
	@$(IN_VENV)/uv pip compile setup.py -q --universal --python-version 3.10 --generate-hashes \
	    --no-annotate --upgrade --custom-compile-command 'make lock' -c constraints.txt -o $(LOCK)

# Not with Python 3.10: see constraints.txt.
mypy: $(INSTALLED)
	@if $(IN_VENV)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    $(IN_VENV)/mypy; \
	else echo "mypy: skipped, it needs the numpy of Python 3.11 or newer"; fi

screenshot: $(INSTALLED) browser
	@$(IN_VENV)/python tools/screenshot.py docs/figures/screenshot.png
	@$(IN_VENV)/python tools/page_screenshot.py docs/figures/live-page.png
	@$(IN_VENV)/python tools/page_animation.py docs/figures/live-page.webp

# Measure the tables of docs/results.md with the weights that are here; ONLY=folds for one of them.
ONLY ?=
results: $(INSTALLED)
	@[ -d "$(CORPORA)" ] || { echo "make results CORPORA=DIR: found '$(CORPORA)'; needed is the" \
	    "folder that holds ravdess/, cremad/, nemo/ and esc10/" >&2; exit 1; }
	@OMP_NUM_THREADS=1 $(IN_VENV)/python tools/results.py --corpora "$(CORPORA)" \
	    $(if $(ONLY),--only $(ONLY))

# Measure the tables of docs/performance.md; ONLY='features listen' for some of its parts. The machine
# should have nothing else to do.
bench: $(INSTALLED) portaudio sound-server
	@# Its licence allows research only, so no extra of the package installs it.
	@$(IN_VENV)/python -c 'import opensmile' 2>/dev/null \
	|| $(IN_VENV)/python -m pip install -q --disable-pip-version-check -c constraints.txt opensmile \
	|| echo "openSMILE cannot be installed: features are measured without it"
	@$(IN_VENV)/python -m benchmarks.bench $(if $(ONLY),--only $(ONLY))

bench-long: $(INSTALLED)
	@$(IN_VENV)/python -m benchmarks.bench --only long

# Measure the tables of docs/reliability.md: a day of sound with faults in an hour, 200 repetitions of
# each fault in half an hour, and an hour of listening under strace.
soak: $(INSTALLED) portaudio sound-server
	@for part in $(or $(ONLY),soak repeats privacy); do \
	    OMP_NUM_THREADS=1 PYTHONPATH=tests/support $(IN_VENV)/python -m benchmarks.$$part \
	        --output benchmarks/results/$$part.json || exit 1; \
	done
	@PYTHONPATH=tests/support $(IN_VENV)/python -m benchmarks.reliability

clean:
	rm -rf build dist install log *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache .coverage*
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(AGENTS)/*' \
	    -not -path './$(LOWEST)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(AGENTS) $(LOWEST)

# $(call apt_install,PACKAGES): install Debian or Ubuntu packages as root, without questions. It
# fails where that is impossible; callers go on with a message. Package lists are fetched only where
# the installation fails without.
apt_get = DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=0 \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=60
apt_install = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
    && echo "Installing $(1)" \
    && { $(apt_get) install -y --no-install-recommends $(1) >/dev/null 2>&1 \
      || { $(apt_get) update && $(apt_get) install -y --no-install-recommends $(1); } \
        >/dev/null 2>&1; }

is_accepted = -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'
pip_install = $(IN_VENV)/python -m pip install -q --disable-pip-version-check -c constraints.txt
agents_pip = $(AGENTS)/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt
candidates = $(or $(PYTHON),python3 python3.12 python3.11 python3.10)

# The stamps of what pip installs; outdated when one of these files changes. An existing .venv with
# pip is kept, whoever made it.
$(BASE): setup.py setup.cfg pyproject.toml constraints.txt $(LOCK)
	@if ! $(IN_VENV)/python -m pip --version >/dev/null 2>&1; then \
	    python= found=; \
	    for candidate in $(candidates); do \
	        version=$$($$candidate --version 2>&1) || continue; \
	        found="$${found:+$$found, }$$candidate ($$version)"; \
	        if $$candidate $(is_accepted) 2>/dev/null; then python=$$candidate; break; fi; \
	    done; \
	    if [ -z "$$python" ]; then \
	        echo "Python: found $${found:-none of $(candidates)};" \
	            "accepted are 3.10, 3.11 and 3.12. Name one: make PYTHON=/path/to/python3.12" >&2; \
	        exit 1; \
	    fi; \
	    if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	        package=$$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	        $(call apt_install,$$package) || { \
	            echo "$$python cannot make virtual environments." \
	                "On Debian and Ubuntu: sudo apt install $$package" >&2; \
	            exit 1; \
	        }; \
	    fi; \
	    echo "Making $(VENV) with $$($$python --version)"; \
	    $$python -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing ser_stream and what listening needs into $(VENV)"
	@$(IN_VENV)/python -m pip install -q --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(pip_install) --no-deps -e .
	@touch $@

$(INSTALLED): $(BASE)
	@echo "Installing what training and tests need into $(VENV); the first time takes minutes"
	@$(pip_install) -e '.[test]'
	@touch $@

$(AGENTS)/.installed: $(BASE)
	@echo "Installing frameworks of voice agents into $(AGENTS); it takes a minute or two"
	@$(IN_VENV)/python -m venv --clear $(AGENTS)
	@$(agents_pip) -e . pytest pocketsphinx
	@for extra in pipecat livekit; do \
	    $(agents_pip) -e ".[$$extra]" \
	    || echo "$$extra cannot be installed: its tests will be skipped"; \
	done
	@touch $@

# The sounddevice package includes PortAudio, except on Linux.
portaudio: $(BASE)
	@[ "$$(uname)" != Linux ] \
	|| $(IN_VENV)/python -c 'import ctypes.util as u, sys; sys.exit(not u.find_library("portaudio"))' \
	|| { $(call apt_install,libportaudio2); } \
	|| echo "Microphones need PortAudio. On Debian and Ubuntu: sudo apt install libportaudio2"

# Microphone tests play recordings to a PulseAudio server of their own, and are skipped without it.
sound_server = pulseaudio pulseaudio-utils libasound2-plugins
sound-server:
	@{ command -v pulseaudio && command -v pactl \
	    && find /usr/lib* -maxdepth 3 -name libasound_module_pcm_pulse.so | grep -q .; } >/dev/null \
	|| { $(call apt_install,$(sound_server)); } \
	|| echo "Microphone tests will be skipped. On Debian and Ubuntu: sudo apt install $(sound_server)"

# Tests of the live page drive Chromium, and are skipped without it. 120 MB to download.
chromium = chromium chromium-driver
browser:
	@command -v chromedriver >/dev/null \
	|| { $(call apt_install,$(chromium)); } \
	|| echo "Tests of the live page will be skipped. On Debian: sudo apt install $(chromium)"

# Tests of MQTT start a broker of their own, and are skipped without it.
broker:
	@PATH="$$PATH:/usr/sbin"; command -v mosquitto >/dev/null \
	|| { $(call apt_install,mosquitto); } \
	|| echo "Tests of MQTT will be skipped. On Debian and Ubuntu: sudo apt install mosquitto"
