"""Whole collections of picture files: what becomes what, what is done, and the work itself."""

from cyclegan.collection.options import Failure, Options, Summary
from cyclegan.collection.plan import Job, Plan, plan
from cyclegan.collection.work import translate_collection, translate_plan

__all__ = ["Failure", "Job", "Options", "Plan", "Summary", "plan", "translate_collection", "translate_plan"]
