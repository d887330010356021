"""Translation of whole collections of picture files: the plan, the ledger of finished files, and the work."""

from cyclegan.inference.collection.options import Failure, Options, Summary
from cyclegan.inference.collection.plan import Job, Plan, plan
from cyclegan.inference.collection.work import translate_collection, translate_plan

__all__ = ["Failure", "Job", "Options", "Plan", "Summary", "plan", "translate_collection", "translate_plan"]
