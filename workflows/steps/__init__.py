"""The steps of a workflow, by kind. `story` tells them in order."""

from collections.abc import Callable

from workflows.models import Step
from workflows.results import Result
from workflows.run import Run
from workflows.steps import barrier, compare, deliver, finish, reading, verify

Handler = Callable[[Run, Step], Result]

HANDLERS: dict[str, Handler] = {
    "probe": compare.probe,
    "resolve": compare.resolve,
    "barrier": barrier.barrier,
    "extract": compare.extract,
    "snapshot": reading.snapshot,
    "compare": compare.compare,
    "guard": compare.guard,
    "create": deliver.create,
    "add": deliver.add,
    "import": deliver.import_,
    "update": deliver.update,
    "jobs": deliver.jobs,
    "remove": deliver.remove,
    "settle": verify.settle,
    "verify": verify.verify,
    "finish": finish.finish,
}
