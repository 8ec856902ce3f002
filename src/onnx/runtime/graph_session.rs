//! A session of one graph: numbers of tokens in, tensors out.

use super::{
    DynValue, Environment, ExecutionProvider, ExecutionProviderDispatch, GraphOptimizationLevel,
    Session, SessionBuilder, Tensor, dispatches, environment,
};
use crate::{
    Cause,
    onnx::{GraphSource, json_tokenizer::InputTokens},
};

/// Names the folder of the weights that a graph in memory refers to.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// A session of one graph. ONNX Runtime maps or reads the weights from their files.
pub(in crate::onnx) struct GraphSession {
    session: Session,
    /// Whether the graph reads the number of the text that a token belongs to.
    reads_types: bool,
}

/// The tensors that a run returns, and which tokens of each input are not padding.
pub(in crate::onnx) struct GraphOutput {
    pub(in crate::onnx) tensors: Vec<(String, DynValue)>,
    pub(in crate::onnx) mask: Tensor<i64>,
}

impl GraphSession {
    pub(in crate::onnx) fn open(
        source: &GraphSource<'_>,
        threads: usize,
        providers: &[ExecutionProvider],
    ) -> Result<Self, Cause> {
        let mut builder = configured(&environment()?, threads, dispatches(providers)?)?;
        if providers.iter().any(|provider| matches!(provider, ExecutionProvider::DirectMl { .. })) {
            builder = for_directml(builder)?;
        }
        let session = commit(builder, source)?;
        let reads_types = session.inputs().iter().any(|input| input.name() == "token_type_ids");
        Ok(Self { session, reads_types })
    }

    /// Runs the graph on inputs of the same length.
    pub(in crate::onnx) fn run(&mut self, inputs: &[InputTokens]) -> Result<GraphOutput, Cause> {
        let length = inputs.first().map_or(0, |input| input.ids.len());
        if inputs.iter().any(|input| input.ids.len() != length) {
            return Err("the inputs of a run differ in length".into());
        }
        let shape = [inputs.len(), length];
        let tensor = |part: fn(&InputTokens) -> &[u32]| {
            let numbers = inputs.iter().flat_map(part).map(|number| i64::from(*number));
            Tensor::from_array((shape, numbers.collect::<Vec<_>>()))
        };
        let ones = || Tensor::from_array((shape, vec![1_i64; inputs.len() * length]));
        let mut values = ort::inputs! {
            "input_ids" => tensor(|input| &input.ids)?,
            "attention_mask" => ones()?,
        };
        if self.reads_types {
            values.extend(ort::inputs! { "token_type_ids" => tensor(|input| &input.types)? });
        }
        let outputs = self.session.run(values)?.into_iter();
        let tensors = outputs.map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(GraphOutput { tensors, mask: ones()? })
    }
}

/// Configures a session that runs on `providers`, else on the CPU.
fn configured(
    environment: &Environment,
    threads: usize,
    providers: Vec<ExecutionProviderDispatch>,
) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(environment)?
        .with_execution_providers(providers)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(threads)?)
}

/// Sets what `DirectML` requires.
fn for_directml(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    Ok(builder.with_memory_pattern(false)?.with_parallel_execution(false)?)
}

fn commit(mut builder: SessionBuilder, source: &GraphSource<'_>) -> ort::Result<Session> {
    match source {
        GraphSource::Memory { onnx, folder } => {
            builder.with_config_entry(WEIGHTS_FOLDER, folder)?.commit_from_memory(onnx)
        }
        GraphSource::File(path) => builder.commit_from_file(path),
    }
}
