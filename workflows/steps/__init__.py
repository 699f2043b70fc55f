"""The steps of a workflow, by kind. `story` tells them in order."""

from collections.abc import Callable

from workflows.models import Step
from workflows.results import Result
from workflows.run import Run
from workflows.steps import (
    barrier,
    compare,
    deletion,
    deliver,
    file,
    finish,
    ingest,
    reading,
    refusals,
    upload,
    upsert,
    verify,
)

Handler = Callable[[Run, Step], Result]

HANDLERS: dict[str, Handler] = {
    "probe": compare.probe,
    "resolve": compare.resolve,
    "barrier": barrier.barrier,
    "extract": compare.extract,
    "snapshot": reading.snapshot,
    "compare": compare.compare,
    "guard": compare.guard,
    "delete": deletion.delete,
    "create": deliver.create,
    "add": deliver.add,
    "upsert": upsert.upsert,
    "import": deliver.import_,
    "upload": upload.upload,
    "update": deliver.update,
    "jobs": deliver.jobs,
    "refused": refusals.refused,
    "ingest": ingest.ingest,
    "remove": deliver.remove,
    "settle": verify.settle,
    "verify": verify.verify,
    "finish": finish.finish,
    "reach": file.reach,
    "draft": file.draft,
    "confirm": file.confirm,
    "close": file.close,
}
