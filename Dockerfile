# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
#
# The parse node for a robot: ROS 2, an inference runtime and the shipped models, without training.
#
#   docker build --tag seg3d2d .
#   docker run --rm --network=host --ipc=host seg3d2d image:=/camera/color/image_raw
#
# docs/install.md has more: other distributions and runtimes, Jetson, why host network and memory.
ARG ROS_DISTRO=jazzy

FROM ros:${ROS_DISTRO}-ros-base AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /workspace
COPY . src/seg3d2d
# ROS's own setup files use variables that may be unset, so no `set -u` around them
RUN source "/opt/ros/${ROS_DISTRO}/setup.bash" \
    && colcon build --merge-install --install-base /opt/seg3d2d

FROM ros:${ROS_DISTRO}-ros-base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# openvino is for CPUs, x86-64 and aarch64
ARG RUNTIME="openvino==2026.4.1"
# where pip takes it from
ARG RUNTIME_INDEX="https://pypi.org/simple"

COPY package.xml /tmp/seg3d2d/package.xml
# The environment sees apt's packages, and keeps its NumPy: cv_bridge is compiled against that.
# ROS's repository has the newest version of each package only, so there is nothing to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rosdep update --rosdistro "${ROS_DISTRO}" \
    && rosdep install --yes --ignore-src --dependency-types exec --from-paths /tmp/seg3d2d \
    && rm -rf /var/lib/apt/lists/* /tmp/seg3d2d \
    && python3 -m venv --system-site-packages /opt/venv \
    && numpy="$(python3 -c 'import numpy; print(numpy.__version__)')" \
    && /opt/venv/bin/pip install --no-cache-dir --index-url "${RUNTIME_INDEX}" \
        "${RUNTIME}" "numpy==${numpy}"

COPY --from=build /opt/seg3d2d /opt/seg3d2d
COPY scripts/container_entrypoint.sh /opt/seg3d2d/

# the id of the first account on most robots, that its camera driver runs under
ARG USER_ID=1000
RUN useradd --create-home --non-unique --uid "${USER_ID}" --shell /bin/bash seg3d2d
USER ${USER_ID}
ENV HOME=/home/seg3d2d
WORKDIR /home/seg3d2d

# `ros2 launch` ends its nodes on SIGINT; on SIGTERM it would leave them behind
STOPSIGNAL SIGINT
ENTRYPOINT ["/opt/seg3d2d/container_entrypoint.sh"]
