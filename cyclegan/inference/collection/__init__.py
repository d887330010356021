"""Whole collections of picture files: what becomes what, what is done, and the work itself."""

from cyclegan.inference.collection.options import Failure, Options, Summary
from cyclegan.inference.collection.plan import Job, Plan, plan
from cyclegan.inference.collection.work import translate_collection, translate_plan

__all__ = ["Failure", "Job", "Options", "Plan", "Summary", "plan", "translate_collection", "translate_plan"]
