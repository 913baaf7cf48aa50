//! Runs plans: threads of their own, memory and time limits, cancel by drop, SQL behind bars.

use std::{future::Future, sync::Arc, time::Duration};

use arrow::array::RecordBatch;
use bongsu_event::{EventId, Scope};
use datafusion::{
    catalog::CatalogProviderList,
    catalog::{
        CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
    },
    common::{DataFusionError, tree_node::TreeNodeRecursion},
    dataframe::DataFrame,
    datasource::{ViewTable, provider_as_source},
    execution::{
        SessionState, SessionStateBuilder,
        context::SQLOptions,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::GreedyMemoryPool,
        runtime_env::{RuntimeEnv, RuntimeEnvBuilder},
    },
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder},
    optimizer::Optimizer,
    prelude::SessionConfig,
};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{
    LakeError, Limits, Result,
    compile::named,
    memory::Snapshot,
    options::{
        BATCH_ROWS, FOOTER_CACHE_BYTES_MAX, QUERIES_MAX, QUERY_STACK_BYTES, QUERY_THREADS, SQL_BYTES_MAX,
        SQL_OPERATORS_MAX,
    },
    predicate::InNetwork,
    scan::{LakeTable, Tally},
    schema::{at, file_name, short_name},
};

/// Functions that SQL may not use: they make much from little without the memory limit noticing.
const FUNCTIONS_DENIED: [&str; 14] = [
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "range",
    "generate_series",
    "gen_series",
    "flatten",
    "cardinality",
    "overlay",
    "translate",
];

/// Optimizer rules that fail on plans of ours.
const RULES_LEFT_OUT: [&str; 2] = ["extract_leaf_expressions", "push_down_leaf_projections"];

/// The query engine. One per lake.
pub struct Engine {
    /// `None` only while being dropped.
    runtime: Option<tokio::runtime::Runtime>,
    base: SessionState,
    permits: Arc<Semaphore>,
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime inside another would panic.
            runtime.shutdown_background();
        }
    }
}

/// Stops a query when nobody waits for it any more.
struct Abort<T>(JoinHandle<T>);

impl<T> Drop for Abort<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn engine_error(e: &DataFusionError) -> LakeError {
    LakeError::Engine(e.strip_backtrace())
}

/// The operator's words for what the engine says.
fn explain(e: DataFusionError, limits: &Limits) -> LakeError {
    match e.find_root() {
        DataFusionError::ResourcesExhausted(_) => LakeError::Memory(limits.memory / (1024 * 1024)),
        DataFusionError::External(inner) if inner.is::<LakeError>() => LakeError::Engine(inner.to_string()),
        _ => engine_error(&e),
    }
}

impl Engine {
    pub fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(QUERY_THREADS)
            .max_blocking_threads(QUERY_THREADS * 2)
            .thread_name("lake-query")
            .thread_stack_size(QUERY_STACK_BYTES)
            .thread_keep_alive(Duration::from_secs(5))
            .enable_time()
            .build()
            .map_err(|e| LakeError::Engine(e.to_string()))?;
        let environment = RuntimeEnvBuilder::new()
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .with_metadata_cache_limit(FOOTER_CACHE_BYTES_MAX)
            .with_object_list_cache_limit(0)
            .with_file_statistics_cache_limit(0)
            .build_arc()
            .map_err(|e| engine_error(&e))?;
        Ok(Self {
            runtime: Some(runtime),
            base: base_state(environment),
            permits: Arc::new(Semaphore::new(QUERIES_MAX)),
        })
    }

    /// Run on the lake's own threads, within the deadline; dropped when the caller drops it.
    pub async fn run<T: Send + 'static>(
        &self,
        limits: &Limits,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let runtime = self.runtime.as_ref().ok_or(LakeError::Closed)?;
        let permits = Arc::clone(&self.permits);
        let (deadline, seconds) = (limits.deadline, limits.deadline.as_secs());
        let mut task = Abort(runtime.spawn(async move {
            let Ok(permit) = tokio::time::timeout(deadline, permits.acquire_owned()).await else {
                return Err(LakeError::Busy(QUERIES_MAX));
            };
            let _permit = permit.map_err(|_| LakeError::Closed)?;
            tokio::time::timeout(deadline, work).await.unwrap_or(Err(LakeError::Deadline(seconds)))
        }));
        match (&mut task.0).await {
            Ok(done) => done,
            Err(e) if e.is_panic() => {
                tracing::error!(error = %e, "a query failed by a defect");
                Err(LakeError::Engine("the query met a defect; it is in the log".to_owned()))
            }
            Err(_) => Err(LakeError::Closed),
        }
    }

    /// A session for one query on one snapshot within one scope.
    pub fn session(&self, snapshot: Arc<Snapshot>, scope: &Scope, limits: &Limits) -> Result<Session> {
        let runtime = RuntimeEnvBuilder::from_runtime_env(self.base.runtime_env())
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory)))
            .build_arc()
            .map_err(|e| engine_error(&e))?;
        let state = SessionStateBuilder::new_from_existing(self.base.clone()).with_runtime_env(runtime).build();
        Ok(Session { state, snapshot, scope: scope.clone(), tally: Arc::new(Tally::default()), limits: *limits })
    }
}

/// Functions and settings that all queries share. No table functions, no file formats, no catalog.
fn base_state(runtime: Arc<RuntimeEnv>) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(QUERY_THREADS)
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema("lake", "public");
    let options = config.options_mut();
    options.execution.enable_recursive_ctes = false;
    options.execution.parquet.pushdown_filters = true;
    use datafusion::execution::SessionStateDefaults as Default_;
    let scalar = Default_::default_scalar_functions()
        .into_iter()
        .filter(|f| !FUNCTIONS_DENIED.contains(&f.name()))
        .chain([Arc::new(InNetwork::function())])
        .collect();
    // These two mistake our view's names for ambiguous when a vendor field is read (`extra['name']`).
    let rules = Optimizer::new().rules.into_iter().filter(|r| !RULES_LEFT_OUT.contains(&r.name())).collect();
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_expr_planners(Default_::default_expr_planners())
        .with_scalar_functions(scalar)
        .with_aggregate_functions(Default_::default_aggregate_functions())
        .with_window_functions(Default_::default_window_functions())
        .with_optimizer_rules(rules)
        .build()
}

/// What one query runs in.
#[derive(Clone)]
pub struct Session {
    state: SessionState,
    pub snapshot: Arc<Snapshot>,
    scope: Scope,
    pub tally: Arc<Tally>,
    pub limits: Limits,
}

impl Session {
    /// The events in scope under their short names.
    pub fn events(&self, only: Option<EventId>) -> Result<LogicalPlanBuilder> {
        let table = LakeTable {
            snapshot: Arc::clone(&self.snapshot),
            scope: self.scope.clone(),
            tally: Arc::clone(&self.tally),
            only,
        };
        let names = (0..=at::RAW_HASH).map(|at| named(&file_name(at)).alias(short_name(at)));
        LogicalPlanBuilder::scan("lake", provider_as_source(Arc::new(table)), None)
            .and_then(|scan| scan.project(names))
            .map_err(|e| engine_error(&e))
    }

    /// The events in scope that satisfy these conditions.
    pub fn filtered(&self, conditions: impl IntoIterator<Item = Expr>) -> Result<LogicalPlanBuilder> {
        conditions.into_iter().try_fold(self.events(None)?, |plan, c| plan.filter(c).map_err(|e| engine_error(&e)))
    }

    /// Run a plan to its end.
    pub async fn collect(&self, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
        DataFrame::new(self.state.clone(), plan).collect().await.map_err(|e| explain(e, &self.limits))
    }

    /// Run a plan, batch by batch, until `each` says stop.
    pub async fn each(&self, plan: LogicalPlan, mut each: impl FnMut(&RecordBatch) -> bool) -> Result<()> {
        use futures::StreamExt;
        let mut stream =
            DataFrame::new(self.state.clone(), plan).execute_stream().await.map_err(|e| explain(e, &self.limits))?;
        while let Some(batch) = stream.next().await {
            if !each(&batch.map_err(|e| explain(e, &self.limits))?) {
                break;
            }
        }
        Ok(())
    }

    /// Build a plan from parts whose errors are the engine's.
    pub fn plan(build: impl FnOnce() -> datafusion::common::Result<LogicalPlan>) -> Result<LogicalPlan> {
        build().map_err(|e| engine_error(&e))
    }

    /// Plan one SQL query over `events`, and nothing else.
    pub async fn sql(&self, text: &str, rows: usize) -> Result<LogicalPlan> {
        if text.len() > SQL_BYTES_MAX {
            return Err(LakeError::Sql(format!("the SQL is longer than {} KiB", SQL_BYTES_MAX / 1024)));
        }
        bounded(text)?;
        let view = ViewTable::new(self.events(None)?.build().map_err(|e| engine_error(&e))?, None);
        let catalogs = MemoryCatalogProviderList::new();
        let catalog = MemoryCatalogProvider::new();
        let schema = MemorySchemaProvider::new();
        let made = schema
            .register_table("events".to_owned(), Arc::new(view))
            .and_then(|_| catalog.register_schema("public", Arc::new(schema)));
        made.map_err(|e| engine_error(&e))?;
        catalogs.register_catalog("lake".to_owned(), Arc::new(catalog));
        let state =
            SessionStateBuilder::new_from_existing(self.state.clone()).with_catalog_list(Arc::new(catalogs)).build();
        let wrong = |e: DataFusionError| LakeError::Sql(e.strip_backtrace());
        let plan = state.create_logical_plan(text).await.map_err(wrong)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .and_then(|()| only_reads(&plan))
            .map_err(wrong)?;
        LogicalPlanBuilder::from(plan)
            .limit(0, Some(rows.saturating_add(1)))
            .and_then(LogicalPlanBuilder::build)
            .map_err(wrong)
    }
}

/// Every level of a plan costs stack, in planning and in being dropped; running out of it ends the process. What
/// makes levels is counted before anything is planned.
fn bounded(text: &str) -> Result<()> {
    use datafusion::sql::sqlparser::{
        dialect::GenericDialect,
        keywords::Keyword,
        tokenizer::{Token, Tokenizer},
    };
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize().map_err(|e| LakeError::Sql(e.to_string()))?;
    let levels = tokens.iter().filter(|t| match t {
        Token::Word(w) => w.keyword != Keyword::NoKeyword,
        Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_) => false,
        Token::Comma | Token::Period | Token::RParen | Token::EOF => false,
        _ => true,
    });
    if levels.count() > SQL_OPERATORS_MAX {
        return Err(LakeError::Sql(format!("the SQL has more than {SQL_OPERATORS_MAX} operators and keywords")));
    }
    Ok(())
}

/// EXPLAIN and DESCRIBE would tell where files lie and what other agencies have.
fn only_reads(plan: &LogicalPlan) -> datafusion::common::Result<()> {
    let mut bad = None;
    plan.apply_with_subqueries(|node| {
        let name = match node {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => "EXPLAIN",
            LogicalPlan::DescribeTable(_) => "DESCRIBE",
            LogicalPlan::Extension(_) => "an extension",
            LogicalPlan::RecursiveQuery(_) => "a recursive query",
            _ => return Ok(TreeNodeRecursion::Continue),
        };
        bad = Some(name);
        Ok(TreeNodeRecursion::Stop)
    })?;
    match bad {
        Some(name) => {
            Err(DataFusionError::Plan(format!("{name} is not allowed; only SELECT over the table events is")))
        }
        None => Ok(()),
    }
}
