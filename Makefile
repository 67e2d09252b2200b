# What a machine with Python (venv) and make can do. Each target builds what it needs in .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint venv clean

demo: $(VENV)/.demo  ## render a drive, run the nodes on it over DDS, write demo/report.html
	$(BIN)/samseg demo --out demo

test: $(VENV)/.test  ## lint, types and the whole test suite
	@# Tests skip where a package is missing; one that is broken must not pass for that.
	$(BIN)/python -c "import rclpy, sensor_msgs.msg, openvino, onnx, onnxruntime, embreex, torch, transformers, psutil"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --ignore=test/training
	$(BIN)/python -m pytest test/training

venv: $(VENV)/.demo $(VENV)/.test  ## everything that demo and test need

clean:
	rm -rf $(VENV) demo build *.egg-info

$(BIN)/python:
	@# What was there before is not ours to remove.
	[ -e $(VENV) ] && kept=1; $(PYTHON) -m venv $(VENV) || { [ "$$kept" ] || rm -rf $(VENV); exit 1; }
	touch $(VENV)/COLCON_IGNORE

$(VENV)/.demo: setup.py package.xml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[ros,demo]'
	touch $@

$(VENV)/.test: setup.py package.xml | $(VENV)/.demo
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[ros,demo,onnx,train,bench,test]'
	touch $@
