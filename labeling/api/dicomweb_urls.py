"""DICOMweb: QIDO-RS searches and WADO-RS retrieves (PS3.18 10.4, 10.6)."""

from django.urls import path, register_converter

from labeling.api.converters import UidConverter
from labeling.api.dicomweb.frames import FrameView
from labeling.api.dicomweb.instances import InstanceView, SeriesView, StudyView
from labeling.api.dicomweb.metadata import InstanceMetadataView, SeriesMetadataView, StudyMetadataView
from labeling.api.dicomweb.search import InstanceSearchView, SeriesSearchView, StudySearchView
from labeling.api.nowhere import NowhereView

register_converter(UidConverter, "uid")

STUDY = "studies/<uid:study_uid>"
SERIES = f"{STUDY}/series/<uid:series_uid>"
INSTANCE = f"{SERIES}/instances/<uid:sop_uid>"

urlpatterns = [
    path("studies", StudySearchView.as_view(), name="dicomweb-studies"),
    path("series", SeriesSearchView.as_view(), name="dicomweb-all-series"),
    path("instances", InstanceSearchView.as_view(), name="dicomweb-all-instances"),
    path(STUDY, StudyView.as_view(), name="dicomweb-study"),
    path(f"{STUDY}/metadata", StudyMetadataView.as_view(), name="dicomweb-study-metadata"),
    path(f"{STUDY}/series", SeriesSearchView.as_view(), name="dicomweb-series-of-study"),
    path(f"{STUDY}/instances", InstanceSearchView.as_view(), name="dicomweb-instances-of-study"),
    path(SERIES, SeriesView.as_view(), name="dicomweb-series"),
    path(f"{SERIES}/metadata", SeriesMetadataView.as_view(), name="dicomweb-series-metadata"),
    path(f"{SERIES}/instances", InstanceSearchView.as_view(), name="dicomweb-instances-of-series"),
    path(INSTANCE, InstanceView.as_view(), name="dicomweb-instance"),
    path(f"{INSTANCE}/metadata", InstanceMetadataView.as_view(), name="dicomweb-instance-metadata"),
    path(f"{INSTANCE}/frames/<str:frames>", FrameView.as_view(), name="dicomweb-frame"),
    path("<path:rest>", NowhereView.as_view(), name="dicomweb-nowhere"),
]
