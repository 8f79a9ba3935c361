# Each target does all of its own set-up. The stamp makes a second call quick.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Several workers of one thread each; tests of one file share fixtures and so a worker.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile

.PHONY: demo test fast-test lint types plugin clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# torch first and pinned: asked for loosely, it comes with several gigabytes of CUDA libraries.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

demo: $(READY)
	mkdir -p demo
	$(BIN)/landslide demo-scene demo/demo.tif --overwrite
	$(BIN)/landslide detect demo/demo.tif -o demo/slides.gpkg --min-area 50 --overwrite
	@echo
	@echo "What to do next:"
	@echo "  look at it    drag demo/demo.tif and then demo/slides.gpkg into QGIS; the true scars are in demo/demo_truth.gpkg"
	@echo "  your scene    $(BIN)/landslide info SCENE.tif"
	@echo "                $(BIN)/landslide detect SCENE.tif -o slides.gpkg"
	@echo "  a real image  $(BIN)/landslide detect docs/real/sichuan_023.jpg -o demo/real.gpkg"
	@echo "  shorter       source $(BIN)/activate, and from then on: landslide ..."

test: $(READY)
	$(PYTEST)

fast-test: $(READY)
	$(PYTEST) -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# For QGIS: Plugins > Manage and Install Plugins > Install from ZIP.
plugin:
	$(PYTHON) qgis_plugin/make_zip.py dist/landslide_processing.zip

clean:
	rm -rf $(VENV) demo dist build
