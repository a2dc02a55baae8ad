# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
#
#   make demo             play the shipped recording through the parse node and show the result
#   make demo BAG=path    the same with a rosbag2, a folder of images or a video
#   make test             linters, types and the whole test suite
#   make test-jazzy       the part of it that runs ROS 2 nodes, on Jazzy in place of Kilted
#   make test-minkowski   the tests of the 3D networks with MinkowskiEngine, which it builds
#   make minkowski        build MinkowskiEngine into .venv-minkowski and no more
#   make point-models     render rooms, train and export the 3D networks in point_models/: hours
#   make clean            remove environments and what builds and tests have left; not the rooms in
#                         data/ and the runs in runs/ that point-models has made

PYTHON ?= python3
VENV := .venv
JAZZY := .venv-jazzy
MINKOWSKI := .venv-minkowski
# an editable install warns of a thing that no user of this Makefile can meet
# torch is named wherever something is installed that brings torchvision, whose newest version wants
# another one
PIP := PYTHONWARNINGS=ignore $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet
JAZZY_PIP := $(subst $(VENV)/,$(JAZZY)/,$(PIP))
MINKOWSKI_PIP := $(subst $(VENV)/,$(MINKOWSKI)/,$(PIP))
# Node and player talk on loopback only, whatever the shell says.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
# The environments hold a ROS of their own; one that the shell has sourced would mix with it.
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH
unexport RMW_IMPLEMENTATION ROS_DISTRO ROS_VERSION ROS_LOCALHOST_ONLY

.PHONY: demo test test-jazzy test-minkowski minkowski lint clean point-models
.DELETE_ON_ERROR:

demo: $(VENV)/demo.stamp
	$(VENV)/bin/python -m seg3d2d_ros.cli demo --out demo_output $(if $(BAG),--bag "$(BAG)")

test: $(VENV)/test.stamp lint
	rm -f .coverage .coverage.*
	$(VENV)/bin/python -m coverage run -m pytest
	$(VENV)/bin/python -m coverage combine --quiet
	$(VENV)/bin/python -m coverage report --fail-under=90

test-jazzy: $(JAZZY)/test.stamp
	$(JAZZY)/bin/python -m pytest test/ros test/contracts

test-minkowski: $(MINKOWSKI)/test.stamp
	$(MINKOWSKI)/bin/python -m pytest test/training/points

minkowski: $(MINKOWSKI)/test.stamp

lint: $(VENV)/test.stamp
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# Batches, and so the weights, depend on the number of processes.
point-models: $(VENV)/test.stamp
	scripts/train_point_models.sh $(VENV)/bin/python $(or $(PROCESSES),2) \
	  $(or $(POINT_MODELS),res16unet14a pointweb)

$(VENV)/bin/python $(JAZZY)/bin/python $(MINKOWSKI)/bin/python:
	@scripts/system_packages.sh python3-venv
	$(PYTHON) -m venv $(@:%/bin/python=%)
	$@ -m pip --disable-pip-version-check install --quiet --upgrade pip

$(VENV)/demo.stamp: setup.py | $(VENV)/bin/python
	@echo "Setting up $(VENV): about 180 MB to download"
	$(PIP) --editable '.[demo]'
	touch $@

$(VENV)/test.stamp: setup.py | $(VENV)/bin/python
	@scripts/system_packages.sh libegl1 libgl1 libgomp1 libusb-1.0-0 libx11-6
	@echo "Setting up $(VENV) for the tests: this brings PyTorch, Open3D and ROS 2 wheels"
	$(PIP) 'torch==2.13.0' --editable '.[demo,training,test]'
	touch $(VENV)/demo.stamp $@

$(JAZZY)/test.stamp: setup.py | $(JAZZY)/bin/python
	@echo "Setting up $(JAZZY) for the tests: about 200 MB to download"
	$(JAZZY_PIP) --editable '.[test-jazzy]'
	touch $@

# Its setup.py imports torch, so it is built where torch is, by a setuptools that still has
# pkg_resources; torch does not pin NumPy, which it needs to be imported.
$(MINKOWSKI)/test.stamp: setup.py | $(MINKOWSKI)/bin/python
	@scripts/system_packages.sh libopenblas-dev g++ python3-dev libegl1 libgl1 libgomp1 \
	  libusb-1.0-0 libx11-6
	@echo "Setting up $(MINKOWSKI): building MinkowskiEngine takes about 5 minutes"
	$(MINKOWSKI_PIP) 'torch==2.13.0' numpy 'setuptools<80' wheel ninja
	$(MINKOWSKI_PIP) --no-build-isolation 'MinkowskiEngine==0.5.4'
	$(MINKOWSKI_PIP) 'torch==2.13.0' --editable '.[training,test]'
	touch $@

clean:
	rm -rf $(VENV) $(JAZZY) $(MINKOWSKI) demo_output build install log dist *.egg-info .coverage .coverage.* \
	  .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
