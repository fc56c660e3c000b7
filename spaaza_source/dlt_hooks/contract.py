"""What this package needs of dlt's inside: which names, where, for what; and the versions tried.

dlt documents little of this, and may change it in any minor release. `tests/dlt_hooks` hold each
line to the dlt that is installed, and each import from dlt in the whole package to these lines.
What `dlt_hooks` does not import itself is part of something else: a resource, a table, a setting.
"""

from __future__ import annotations

from functools import cache

import dlt
from dlt.common import logger

#: The minor releases of dlt that all tests have run with. `pyproject.toml` allows no other.
TRIED = ("1.31",)

#: Name by name: the wings that import it, or `(given)` where dlt hands it over, and what for. Then
#: what is used of it: methods with the parameters that they are called by, or that what replaces
#: them has; and attributes.
NEEDED = """
# Runs: what dlt calls at their steps.
dlt.pipeline.trace
    dlt_hooks: hooks into each run, with the lock and the reconciliation
    TRACKING_MODULES
dlt.common.runtime.tracking.SupportsTracking
    dlt_hooks: is told of the begin and the end of runs and their steps
    on_start_trace(trace, step, pipeline); on_start_trace_step(trace, step, pipeline)
    on_end_trace_step(trace, step, pipeline, step_info, send_state)
    on_end_trace(trace, pipeline, send_state)
dlt.common.runtime.collector_base.Collector
    cli, dlt_hooks, loading: shows progress, and fails a load's step whose rows are not right
    __call__(step); update(name, inc, total); _start(step); _stop()
    on_start_trace_step(trace, step, pipeline)
dlt.common.runtime.collector.NULL_COLLECTOR
    cli: shows no progress of dlt's
dlt.common.runtime.run_context.active()
    cli: names dlt's files of settings
dlt.common.runtime.signals.was_signal_received()
    cli: ends a display
dlt.common.pipeline.SupportsPipeline
    audit, dlt_hooks: is what hooks are given
    working_dir; collector
dlt.pipeline.pipeline.Pipeline
    (given): opens destinations by a schema, restores one, gives packages up
    _get_destination_clients(schema); _inject_schema(schema); abort_packages()
    destination_client(schema_name); destination
    list_normalized_load_packages(); managed_state(); activate()
dlt.common.pipeline.NormalizeInfo
    audit, dlt_hooks: tells the rows written
dlt.common.pipeline.LoadInfo
    dlt_hooks: tells telemetry of a run that has loaded
dlt.common.pipeline.PipelineContext
    configuration, destination, dlt_hooks: tells the active pipeline, without resolving its settings
    pipeline(); is_active(); activate(pipeline)
dlt.common.pipeline.get_dlt_pipelines_dir()
    cli: finds pipelines' folders

# Load packages: what a killed run has left.
dlt.common.storages.PackageStorage
    audit, dlt_hooks, retention, views: reads load packages, and repairs those of killed runs
    __init__(storage, initial_state); list_packages(); get_package_path(load_id)
    load_schema(load_id); save_schema(load_id, schema); schema_name(load_id)
    get_load_package_state(load_id); save_load_package_state(load_id, state)
    list_new_jobs(load_id); list_started_jobs(load_id); list_pending_transitions(load_id)
    clear_pending_transition(load_id, file_name); is_package_completed(load_id); NEW_JOBS_FOLDER
    STARTED_JOBS_FOLDER; COMPLETED_JOBS_FOLDER; PACKAGE_COMPLETED_FILE_NAME
    SCHEMA_UPDATES_FILE_NAME; APPLIED_SCHEMA_UPDATES_FILE_NAME
dlt.common.storages.FileStorage
    audit, dlt_hooks, retention, views: is a folder of packages
    __init__(storage_path); make_full_path(path)
dlt.common.storages.LoadStorage
    audit, dlt_hooks, erasure, views: names the folders of normalized and loaded packages
    NEW_PACKAGES_FOLDER; NORMALIZED_FOLDER; LOADED_FOLDER
dlt.common.storages.NormalizeStorage
    dlt_hooks, erasure: names the folder of extracted packages
    EXTRACTED_FOLDER
dlt.common.storages.ParsedLoadJobFileName
    dlt_hooks: reads the names of jobs' files
    parse(file_name); table_name; file_format; retry_count
dlt.common.storages.load_package.LoadPackageStateInjectableContext
    loading: finds the folder of the package that is extracted
    storage; load_id
dlt.common.storages.load_package.load_package_state()
    dlt_hooks: reads the state of the package that is loaded, in each thread of the load

# Jobs: how rows get into a destination.
dlt.common.destination.client.JobClientBase
    dlt_hooks: fills the range that a load replaces into each table that is loaded
    prepare_load_table(table_name)
dlt.common.destination.client.RunnableLoadJob
    dlt_hooks: hides values in the errors of jobs
    run_managed(job_client, done_event); job_file_info(); _load_table; failed_message; exception
dlt.destinations.sql_jobs.SqlMergeFollowupJob
    dlt_hooks, warehouse: writes the SQL of merges, which is changed for PostgreSQL and DuckDB
    generate_sql(table_chain, sql_client); get_merge_conditions(root_table, sql_client)
dlt.destinations.job_client_impl.SqlJobClientBase
    backfill, destination, dlt_hooks, retention: tells databases from files, updates their tables
    update_stored_schema(only_tables, expected_update, force)
    initialize_storage(truncate_tables); complete_load(load_id); sql_client
dlt.destinations.job_client_impl.SqlLoadJob
    dlt_hooks: runs the SQL of a merge, in a transaction that a lock of tables needs
    maybe_transaction(sql); _load_table; _job_client
dlt.common.data_writers.writers.ArrowToCsvWriter
    dlt_hooks: writes CSV for PostgreSQL, instants in a tenth of the time
    write_data(items); _caps
dlt.destinations.sql_client.SqlClientBase
    warehouse: types a merge
dlt.common.destination.client.FollowupJobRequest
    warehouse: types a merge
dlt.common.destination.typing.PreparedTableSchema
    warehouse: types a merge

# Destinations.
dlt.common.destination.Destination
    cli, destination: resolves a destination's settings, once for a run
    configuration(initial_config, accept_partial); capabilities(config, naming); config_params
dlt.common.destination.capabilities.DestinationCapabilitiesContext
    writing: tells the SQL of the destination
    sqlglot_dialect
dlt.common.destination.client.WithStagingDataset
    destination: tells who has a staging dataset
    with_staging_dataset()
dlt.destinations.job_client_impl.SqlJobClientWithStagingDataset
    destination: tells who merges through a staging dataset, and makes one
    should_load_data_to_staging_dataset(table_name); with_staging_dataset()
    is_storage_initialized(); initialize_storage(truncate_tables)
dlt.common.destination.client.WithStateSync
    loading: reads the schema that a destination has
    get_stored_schema(schema_name)
dlt.destinations.impl.duckdb.configuration.DuckDbCredentials
    warehouse: gives a DuckDB file its settings
    __init__(conn_or_path); conn_pool
dlt.destinations.impl.duckdb.configuration.DuckDbConnectionPool
    warehouse: opens a DuckDB file without a break
    __init__(credentials); borrow_conn(global_config, local_config, pragmas); credentials
dlt.destinations.impl.duckdb.duck.DuckDbClient
    warehouse: merges with more memory
    _create_merge_followup_jobs(table_chain)
dlt.destinations.impl.ducklake.sql_client.DuckLakeSqlClient
    destination: keeps connections to a DuckLake
    open_connection(); close_connection(); _conn; attach_statement
dlt.destinations.impl.postgres.configuration.PostgresCredentials
    destination: tells a wrong address of PostgreSQL
dlt.common.data_writers.escape.escape_postgres_identifier(v)
    destination: quotes names in Delta's SQL
dlt.destinations.impl.filesystem.filesystem.FilesystemClient
    (given): opens Delta tables
    load_open_table(table_format, table_name)

# Schemas: what dlt knows of tables.
dlt.common.schema.Schema
    backfill, dlt_hooks, loading, writing: keeps what is remembered of tables, and names dlt's own
    state_table_name; loads_table_name; _dlt_tables_prefix; from_stored_schema(stored_schema)
    previous_hashes; stored_version_hash
dlt.common.schema.typing.C_DLT_LOAD_ID
    dlt_hooks: names a column of dlt's
dlt.common.schema.typing.C_DLT_LOADS_TABLE_LOAD_ID
    dlt_hooks: names a column of dlt's
dlt.common.schema.typing.PIPELINE_STATE_TABLE_NAME
    cli: names a table of dlt's
dlt.common.schema.typing.DEFAULT_VALIDITY_COLUMN_NAMES
    writing: names columns of a history
dlt.common.schema.typing.MERGE_DISPOSITION_HINTS
    audit, writing: names the hints of a merge in a table's schema
dlt.common.schema.utils.get_columns_names_with_prop(table, column_prop)
    cli, drift, writing: finds the columns of a hint
dlt.common.schema.utils.get_first_column_name_with_prop(table, column_prop)
    cli: finds the column of a hint
dlt.common.schema.utils.has_column_with_prop(table, column_prop)
    writing: tells whether a hint is given
dlt.common.schema.utils.get_nested_tables(tables, table_name)
    writing: finds the tables of a record's lists
dlt.common.schema.utils.get_root_table(tables, table_name)
    dlt_hooks: finds the table of a list's records
dlt.common.schema.utils.get_write_disposition(tables, table_name)
    dlt_hooks: tells what a repeated load empties
dlt.common.schema.utils.new_table(table_name)
    audit, dlt_hooks: makes the schemas of audit tables
dlt.common.schema.utils.normalize_table_identifiers(table, naming)
    writing: names a table as dlt does
dlt.common.schema.configuration.SchemaConfiguration
    configuration: lists keys
dlt.common.normalizers.json.relational.DataItemNormalizer
    writing: has nested rows name their record
    update_normalizer_config(schema)
dlt.common.normalizers.naming.NamingConvention
    writing: names columns
dlt.common.normalizers.naming.direct.NamingConvention
    tabular: names columns
dlt.common.normalizers.naming.snake_case.NamingConvention
    tabular: names columns
    normalize_identifier(identifier)

# Resources: how rows get into a package.
dlt.extract.items.ResolvablePipeItem
    audit, writing: yields rows that are not to pass a user's steps
    item; step; pipe; meta
dlt.extract.DltResource
    (given): has the pipe of a resource, and its steps
    _pipe; compute_table_schema(); apply_hints()
dlt.extract.hints.make_hints
    reading: makes the hints of an item
dlt.extract.hints.TResourceHints
    reading: types the hints of an item
dlt.extract.hints.DltResourceHints
    configuration: lists the hints there are
dlt.extract.incremental.IncrementalResourceWrapper
    writing: tells dlt's own steps from a user's
dlt.extract.incremental.context.get_interval_context()
    loading: tells whether a scheduler gives the range
dlt.extract.items_transform.MapItem
    writing: tells a user's steps
dlt.extract.items_transform.YieldMapItem
    writing: tells a user's steps
dlt.extract.source.SourceInjectableContext
    writing: tells whether another resource is fed by this one
    source

# Settings: where dlt looks for them.
dlt.common.configuration.container.Container
    configuration, destination, dlt_hooks, loading, writing: has the pipeline, source and settings
dlt.extract.decorators.DltSourceFactoryWrapper
    configuration: checks a source's settings before dlt reads them
    __call__(args, kwargs); _f; section; name
dlt.extract.reference.SourceFactory
    configuration: types a source
dlt.extract.pipe_iterator.PipeIterator
    configuration: lists keys
dlt.common.data_writers.buffered.BufferedDataWriter
    configuration: lists keys
dlt.common.destination.configuration.CsvFormatConfiguration
    configuration: lists keys
dlt.common.destination.configuration.ParquetFormatConfiguration
    configuration: lists keys
dlt.common.configuration.providers.CustomLoaderDocProvider
    configuration: gives dlt the vendor profile
    __init__(name, loader, supports_secrets, locations); _config_doc
dlt.common.configuration.providers.EnvironProvider
    configuration: names the environment
dlt.common.configuration.providers.toml.SettingsTomlProvider
    configuration: lists the keys of dlt's files
    _config_doc
dlt.common.configuration.specs.config_providers_context.ConfigProvidersContainer
    configuration: lists where dlt looks for settings
    providers
dlt.common.configuration.specs.pluggable_run_context.PluggableRunContext
    configuration: lists where dlt looks for settings
    providers
dlt.common.configuration.specs.known_sections
    configuration, dlt_hooks: names sections
    SOURCES
dlt.common.configuration.specs.BaseConfiguration
    destination: tells settings from values
dlt.common.configuration.specs.base_configuration.BaseConfiguration
    configuration: lists the settings of a source
    get_resolvable_fields(); is_resolved()
dlt.common.configuration.specs.base_configuration.extract_inner_hint(hint)
    configuration: names the type of a setting
dlt.common.configuration.specs.base_configuration.is_secret_hint(hint)
    configuration: keeps a secret out of an error
dlt.common.configuration.specs.ConfigSectionContext
    destination: tells the pipeline of settings
dlt.common.configuration.specs.ConnectionStringCredentials
    destination: tells a wrong address
dlt.common.destination.client.DestinationClientDwhConfiguration
    (given): names a dataset without a pipeline
    _bind_dataset_name(dataset_name)
"""


@cache
def warn_of_untried_dlt() -> None:
    """Warn, once in this process, of a dlt that nobody has tried with this package."""
    if told := describe_untried(dlt.__version__):
        logger.warning(told)


def describe_untried(version: str) -> str | None:
    """What is to be told of a version of dlt; None of one of a minor release that was tried."""
    if ".".join(version.split(".")[:2]) in TRIED:
        return None
    return (
        f"dlt {version} was not tried with this package, which needs parts of dlt that may change"
        f" in any release; dlt {', '.join(TRIED)} was. To be safe, install it:"
        f' pip install "dlt~={TRIED[-1]}.0"'
    )
