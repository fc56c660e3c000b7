"""Exports without a pipeline: the body of one request becomes one file."""

from spaaza_source.ad_hoc.exported_file import ExportedFile
from spaaza_source.ad_hoc.one_export import export_file

__all__ = ["ExportedFile", "export_file"]
