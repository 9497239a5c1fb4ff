"""What a cube holds of every cell."""

from collections.abc import Mapping

# Name → (unit, long name).
NUMBERS: Mapping[str, tuple[str, str]] = {
    "latency": ("s", "one inference of the batch"),
    "latency_low": ("s", "latency, lower end of the 95 % interval"),
    "latency_high": ("s", "latency, upper end of the 95 % interval"),
    "latency_p90": ("s", "90th percentile of wall time"),
    "latency_p99": ("s", "99th percentile of wall time"),
    "cpu_time": ("s", "median CPU time of one inference"),
    "relative_latency": ("1", "latency over the baseline's, paired"),
    "relative_latency_low": ("1", "relative latency, lower end of the 95 % interval"),
    "relative_latency_high": ("1", "relative latency, upper end of the 95 % interval"),
    "relative_latency_freedom": ("1", "degrees of freedom of Student's t that made the relative latency's interval"),
    "throughput": ("1/s", "images a second"),
    "call_overhead": ("s", "a call of this code generator that computes nothing"),
    "cold_start": ("s", "load and first inference in a fresh process"),
    "accuracy": ("1", "top-1 accuracy of the executable on the scored test images"),
    "accuracy_low": ("1", "accuracy, lower end of the Wilson 95 % interval"),
    "accuracy_high": ("1", "accuracy, upper end of the Wilson 95 % interval"),
    "accuracy_change": ("1", "accuracy minus the baseline's, paired on the same data"),
    "accuracy_change_low": ("1", "accuracy change, lower end of Newcombe's 95 % interval"),
    "accuracy_change_high": ("1", "accuracy change, upper end of Newcombe's 95 % interval"),
    "network_accuracy": ("1", "top-1 accuracy of the network on the whole test set"),
    "agreement": ("1", "share of images with the reference's top-1 class"),
    "quantised_agreement": ("1", "share of images with the quantised network's top-1 class"),
    "max_abs_error": ("1", "largest difference of a logit from the reference's"),
    "primitive_share": ("1", "share of multiply-adds that ran as the label says"),
    "size": ("byte", "the executable on disk"),
    "weights_size": ("byte", "weights as the executable stores them"),
    "peak_memory": ("byte", "resident set beyond an empty child"),
    "parameters": ("1", "parameters of the network"),
    "nonzeros": ("1", "parameters that are not zero"),
    "macs": ("1", "multiply-adds of one image"),
    "train_time": ("s", "training and compressing"),
    "build_time": ("s", "compiling"),
    "tune_time": ("s", "searching for schedules, in this study or before"),
    "tune_trials": ("1", "candidates that were tried for the network's kernels"),
    "tune_ratio": ("1", "tuned executable over the default one, timed beside it when it was built"),
    "tune_payoff": ("1", "inferences after which tuning has paid for itself"),
    "processes": ("1", "fresh processes that were measured"),
}

TEXTS = (
    *("status", "reason", "verdict", "remark", "warning", "clock", "compute_precision", "isa_used", "stopped_by"),
    "runtime",  # versions of what the code generator runs with, as the measuring child finds them
    "tune_curve",  # JSON: trials, and the share of the default's time that the best kernels take after them
)
