"""A diagnosis made by hand, of a host with which nothing is wrong."""

from handmade import HOST

from dlas.measure.diagnosis import Diagnosis
from dlas.measure.noise import Noise
from dlas.measure.peak import Peak
from dlas.measure.runtimes import Runtime
from dlas.measure.statistics import Interval
from dlas.measure.surroundings import Surroundings, Throttling

AROUND = Surroundings(
    governor="performance",
    siblings=(1,),
    processors=2,
    quota=None,
    memory_limit=None,
    throttling=Throttling(0, 0.0),
    outranks=True,
    load=(0.5, 0.25, 0.125),
)
RUNTIMES = (Runtime("openvino", "1.0", 1), Runtime("onnxruntime", "2.0", 1), Runtime("torch", None))
NOISE = Noise(Interval(1.001, 0.996, 1.006), processes=3, seconds=3.0, repetitions=9000, clean=0.875, drift=0.012)
PEAK = Peak(gflops=92.13, bandwidth=18.77, array=2**27, blas="toyblas 1.0")
HEALTHY = Diagnosis(HOST, cpu=1, surroundings=AROUND, runtimes=RUNTIMES, noise=NOISE, peak=PEAK, throttled=0)
