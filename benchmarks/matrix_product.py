"""The fastest matrix product of this machine by TensorFlow in one precision: GFLOP/s, printed as JSON."""

import json
import sys
import time

import tensorflow as tf

SIZE, PRODUCTS = 3072, 10


def gigaflops(precision: str) -> float:
    """10⁹ additions and multiplications a second in the fastest of several square products."""
    matrix = tf.cast(tf.random.normal((SIZE, SIZE)), precision)
    return 2 * SIZE**3 / min(seconds(matrix) for _ in range(PRODUCTS)) / 1e9


def seconds(matrix: tf.Tensor) -> float:
    """Of one product of a matrix with itself; reading a value waits for the device."""
    started = time.perf_counter()
    float(tf.matmul(matrix, matrix)[0, 0])
    return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps(gigaflops(sys.argv[1])))
