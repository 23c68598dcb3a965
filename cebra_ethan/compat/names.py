"""The names of `cebra` 0.6.1: where each is at home here, and why some are not.

A home is `module:name` inside `cebra_ethan`. Nothing is imported before it is asked for.
"""

from collections.abc import Mapping

__all__ = ["NOT_HERE", "TABLE"]

_ESTIMATOR = "compat.adapters.estimator:CEBRA"
_METRICS = "compat.adapters.metrics"
_MODELS = "compat.adapters.models"
_DATA = "compat.adapters.data"
_LOADERS = "compat.adapters.loaders"
_BATCHES = "compat.adapters.batches"
_DISTRIBUTIONS = "compat.adapters.distributions"
_SOLVERS = "compat.adapters.solvers"
_SOLVER_NAMES = "compat.adapters.solver_names"
_OBJECTIVES = "compat.adapters.objectives"
_SUBSPACES = "compat.adapters.subspaces"
_CONFIG = "compat.adapters.objective_config"
_MULTIOBJECTIVE = "compat.adapters.multiobjective"
_UNIFIED = "compat.adapters.unified"
_MASKING = "compat.adapters.masking"
_DATASETS = "compat.adapters.datasets"
_ATTRIBUTION = "compat.adapters.attribution"
_PLOTS = "compat.adapters.plots"


def _of(home: str, names: str) -> dict[str, str]:
    """Returns rows for names that are called the same in one module."""
    return {name: f"{home}:{name}" for name in names.split()}


_MATPLOTLIB = _of(
    _PLOTS,
    "compare_models plot plot_consistency plot_embedding plot_loss plot_overview plot_temperature",
)
_PLOTLY = _of(_PLOTS, "plot_embedding_interactive")
_DECODERS = _of("metrics.label_decoders", "KNNDecoder L1LinearRegressor")
_DLC = _of("compat.adapters.decoders", "load_deeplabcut")

_SKLEARN = {
    "cebra": {"CEBRA": _ESTIMATOR},
    "decoder": _DECODERS,
    "helpers": _of("metrics.alignment", "align_embeddings"),
    "metrics": _of(
        _METRICS,
        "consistency_score goodness_of_fit_history goodness_of_fit_score infonce_loss "
        "infonce_to_goodness_of_fit",
    ),
    "dataset": {},
    "utils": {},
}

_CRITERIONS = {
    **_of(
        "models.criterions",
        "FixedCosineInfoNCE FixedEuclideanInfoNCE FixedInfoNCE InfoMSE InfoNCE "
        "LearnableCosineInfoNCE LearnableEuclideanInfoNCE LearnableInfoNCE NCE",
    ),
    "ContrastiveLoss": "models.info_nce:BaseInfoNCE",
    **_of(_MODELS, "BaseInfoNCE dot_similarity euclidean_similarity infonce"),
}
_MODEL_CLASSES = {
    **_of(
        _MODELS,
        "ConvolutionalModelMixin HasFeatureEncoder ResampleModelMixin _OffsetModel Offset0Model "
        "Offset0ModelMSE Offset0ModelMSETanH "
        "Offset0Modelv2 Offset0Modelv3 Offset0Modelv4 Offset0Modelv5 Offset10Model "
        "Offset10ModelMSE Offset15Model Offset20Model Offset36 Offset36Dropout Offset36Dropoutv2 "
        "Offset40 Offset50 Offset5Model Resample1Model Resample5Model ResampleModel SupervisedNN1 "
        "SupervisedNN10",
    ),
    "Model": "models.base:OffsetModel",
}
_LAYERS = {
    "Squeeze": "compat.adapters.models:Squeeze",
    "_Norm": "models.layers:Normalize",
    "_Skip": "models.layers:Skip",
    "_SkipLinear": "models.layers:PaddedSkip",
}

_SINGLE = {
    **_of(
        _LOADERS,
        "ContinuousDataLoader DiscreteDataLoader FullDataLoader HybridDataLoader MixedDataLoader",
    ),
    "SingleSessionDataset": f"{_DATA}:Dataset",
}
_MULTI = {
    "ContinuousMultiSessionDataLoader": f"{_LOADERS}:ContinuousDataLoader",
    "DiscreteMultiSessionDataLoader": f"{_LOADERS}:DiscreteDataLoader",
    "MixedMultiSessionDataLoader": f"{_LOADERS}:MixedDataLoader",
    "MultiSessionDataset": f"{_DATA}:DatasetCollection",
    **_of(_UNIFIED, "UnifiedLoader"),
}
_DATA_SETS = {
    **_of(_DATA, "DatasetCollection TensorDataset"),
    **_of(_OBJECTIVES, "DatasetxCEBRA"),
    **_of(_UNIFIED, "UnifiedDataset"),
}
_DATA_OBJECTIVES = {
    **_of(_OBJECTIVES, "ContrastiveMultiObjectiveLoader SupervisedMultiObjectiveLoader"),
    "MultiObjectiveLoader": "data.loader:MultiObjectiveLoader",
}
_MASKS = {
    **_of(_MASKING, "Mask NeuronBlockMask RandomNeuronMask RandomTimestepMask TimeBlockMask"),
    "MaskedMixin": f"{_MASKING}:Masked",
}
_DATA_TYPES = _of(_BATCHES, "Batch BatchIndex") | _of(_MODELS, "Offset")
_DATA_HELPERS = {
    **_of(_METRICS, "OrthogonalProcrustesAlignment ensemble_embeddings"),
    **_of(_LOADERS, "get_loader_options"),
}
_DATA_BASE = {"Loader": "data.loader:ContrastiveLoader", **_of(_DATA, "Dataset")}
_LOAD = {"load": "data.readers.load:load_data"}

_SINGLE_SOLVERS = {
    "SingleSessionSolver": f"{_SOLVERS}:Solver",
    "SingleSessionHybridSolver": f"{_SOLVERS}:HybridSolver",
    "BatchSingleSessionSolver": f"{_SOLVERS}:Solver",
}
_MULTI_SOLVERS = {"MultiSessionSolver": f"{_SOLVERS}:Solver"}
_UNIFIED_SOLVERS = _of(_UNIFIED, "UnifiedSolver")
_SOLVER_OBJECTIVES = {
    **_of(
        _MULTIOBJECTIVE,
        "ContrastiveMultiobjectiveSolverxCEBRA SupervisedMultiobjectiveSolverxCEBRA",
    ),
    **_of(_CONFIG, "MultiObjectiveConfig"),
}
_REGULARIZED = _of(_MULTIOBJECTIVE, "RegularizedSolver")
_SCHEDULERS = _of(_SUBSPACES, "ConstantScheduler LinearRampUp LinearScheduler")
_CRITERION_OBJECTIVES = _of(_CONFIG, "MultiCriterions")
_MODEL_OBJECTIVES = {
    **_of(_SUBSPACES, "SubspaceMultiobjectiveModel create_multiobjective_model"),
    "SubspaceMultiobjectiveConvolutionalModel": f"{_SUBSPACES}:SubspaceMultiobjectiveModel",
}
_REGULARIZERS = _of(_SUBSPACES, "JacobianReg")
_SOLVER_BASE = {"Solver": f"{_SOLVERS}:Solver", "MultiobjectiveSolver": f"{_SOLVERS}:HybridSolver"}
_CONTINUOUS = _of(
    _DISTRIBUTIONS, "DeltaNormalDistribution Prior TimeContrastive TimedeltaDistribution"
)
_DISCRETE = _of(_DISTRIBUTIONS, "DiscreteEmpirical DiscreteUniform")
_MIXED = _of(_DISTRIBUTIONS, "MixedTimeDeltaDistribution")
_SESSIONS = _of("compat.adapters.sessions", "DiscreteMultisessionSampler MultisessionSampler")
_INDEX = _of(_DISTRIBUTIONS, "ContinuousIndex")
_ATTRIBUTION_CLASSES = _of(
    _ATTRIBUTION,
    "AttributionMap FeatureAblationMethod FeatureAblationMethodBAtched IntegratedGradientsMethod "
    "IntegratedGradientsMethodBatched JFMethodBased JFMethodBasedBatched NeuronGradientMethod "
    "NeuronGradientMethodBatched NeuronGradientShapMethod NeuronGradientShapMethodBatched",
)
_RECORDINGS = "compat.adapters.recordings"
_RATS = _of(
    _RECORDINGS,
    "MultipleRatsTrialSplitDataset SingleRatCorruptDataset SingleRatDataset "
    "SingleRatTrialSplitDataset",
)
_AREA2 = _of(_RECORDINGS, "Area2BumpDataset Area2BumpShuffledDataset")
_JACOBIAN = _of(_ATTRIBUTION, "get_attribution_map")

TABLE: Mapping[str, Mapping[str, str]] = {
    "": {
        "CEBRA": _ESTIMATOR,
        "load_data": "data.readers.load:load_data",
        "load_checkpoint": "compat.checkpoint:load_checkpoint",
        **_DECODERS,
        **_DLC,
        **_MATPLOTLIB,
        **_PLOTLY,
    },
    "sklearn": {},
    **{f"sklearn.{name}": rows for name, rows in _SKLEARN.items()},
    "integrations": {},
    "integrations.sklearn": {},
    **{f"integrations.sklearn.{name}": rows for name, rows in _SKLEARN.items()},
    "integrations.matplotlib": _MATPLOTLIB,
    "integrations.plotly": _PLOTLY,
    "integrations.deeplabcut": _DLC,
    "integrations.decoders": _of("compat.adapters.decoders", "mlp_decoding ridge_decoding"),
    "grid_search": _of("compat.adapters.grid_search", "GridSearch"),
    "data": {
        **_SINGLE,
        **_MULTI,
        **_DATA_SETS,
        **_DATA_TYPES,
        **_DATA_HELPERS,
        **_DATA_BASE,
        **_DATA_OBJECTIVES,
        **_MASKS,
    },
    "data.base": _DATA_BASE,
    "data.datatypes": _DATA_TYPES,
    "data.datasets": _DATA_SETS,
    "data.single_session": _SINGLE,
    "data.multi_session": _MULTI,
    "data.multiobjective": _DATA_OBJECTIVES,
    "data.masking": _MASKS,
    "data.helper": _DATA_HELPERS,
    "data.assets": {},
    "data.load": _LOAD,
    "distributions": {**_CONTINUOUS, **_DISCRETE, **_MIXED, **_INDEX, **_SESSIONS},
    "distributions.base": {},
    "distributions.continuous": _CONTINUOUS,
    "distributions.discrete": _DISCRETE,
    "distributions.mixed": _MIXED,
    "distributions.index": _INDEX,
    "distributions.multisession": _SESSIONS,
    "models": {
        **_MODEL_CLASSES,
        **_CRITERIONS,
        **_CRITERION_OBJECTIVES,
        **_MODEL_OBJECTIVES,
        **_REGULARIZERS,
        **_of(_MODELS, "get_options init parametrize register"),
    },
    "models.model": _MODEL_CLASSES,
    "models.layers": _LAYERS,
    "models.criterions": _CRITERIONS,
    "models.multicriterions": _CRITERION_OBJECTIVES,
    "models.multiobjective": _MODEL_OBJECTIVES,
    "models.jacobian_regularizer": _REGULARIZERS,
    "models.projector": {},
    "solver": {
        **_SOLVER_BASE,
        **_SINGLE_SOLVERS,
        **_MULTI_SOLVERS,
        **_UNIFIED_SOLVERS,
        **_SOLVER_OBJECTIVES,
        **_REGULARIZED,
        **_of(_SOLVER_NAMES, "get_options init register"),
    },
    "solver.base": _SOLVER_BASE,
    "solver.single_session": _SINGLE_SOLVERS,
    "solver.multi_session": _MULTI_SOLVERS,
    "solver.unified_session": _UNIFIED_SOLVERS,
    "solver.multiobjective": _SOLVER_OBJECTIVES,
    "solver.regularized": _REGULARIZED,
    "solver.schedulers": _SCHEDULERS,
    "solver.supervised": {},
    "solver.util": {},
    "attribution": {
        **_ATTRIBUTION_CLASSES,
        **_JACOBIAN,
        **_of(_ATTRIBUTION, "get_options init"),
    },
    "attribution.attribution_models": _ATTRIBUTION_CLASSES,
    "attribution.jacobian_attribution": _JACOBIAN,
    "attribution._jacobian": {},
    "registry": {},
    "io": {
        "device": "compat.adapters.datasets:device",
        **_of("compat.adapters.io", "reduce"),
    },
    "helper": _of(_LOADERS, "get_loader_options"),
    "config": {},
    "datasets": {
        **_of(_DATASETS, "get_datapath get_options init register set_datapath"),
        "get_data_root": f"{_DATASETS}:get_datapath",
    },
    "datasets.poisson": {},
    "datasets.demo": {},
    "datasets.hippocampus": _RATS,
    "datasets.monkey_reaching": _AREA2,
    "datasets.synthetic_data": _of(_RECORDINGS, "SyntheticData"),
    "datasets.gaussian_mixture": _of(_RECORDINGS, "ContinuousGaussianMixtureDataset"),
}
"""Module of `cebra` to names and their homes."""

_REASONS: Mapping[str, str] = {
    "it is internal to cebra, and nothing calls it here": """
        integrations.sklearn.cebra.check_version integrations.sklearn.utils.check_device
        integrations.sklearn.utils.check_fitted integrations.sklearn.utils.check_input_array
        integrations.sklearn.utils.check_label_array integrations.sklearn.utils.update_old_param
        solver.schedulers.Scheduler solver.util.Meter
        solver.util.ProgressBar attribution._jacobian.compute_jacobian
        attribution._jacobian.tensors_to_cpu_and_double attribution._jacobian.tensors_to_cuda
        registry.add_docstring registry.add_helper_functions registry.is_registry
        io.FileKeyValueDataset io.HasDevice helper.requires_package_version
        models.projector.FeatureExtractor models.projector.ModelView
        models.projector.PointwiseLinear models.projector.PointwiseProjector
        integrations.sklearn.decoder.Decoder""",
    "pass X and labels to CEBRA.fit, or to cebra.data.TensorDataset": """
        integrations.sklearn.dataset.SklearnDataset""",
    "use cebra_ethan.metrics.label_decoders.MLPDecoder": """
        integrations.decoders.SingleLayerDecoder integrations.decoders.TwoLayersDecoder""",
    "SubspaceMultiobjectiveModel checks its slices itself": """
        models.multiobjective.check_overlapping_feature_ranges
        models.multiobjective.check_slices_for_gaps
        models.multiobjective.compute_renormalize_ranges""",
    "its validation reads an attribute that nothing sets in cebra 0.6.1 (fault 18); use "
    "cebra.solver.ContrastiveMultiobjectiveSolverxCEBRA": """
        solver.multiobjective.MultiobjectiveSolverBase""",
    "it is deprecated in cebra 0.6.1; use cebra.models.SubspaceMultiobjectiveModel": """
        models.multiobjective.MultiobjectiveModel""",
    "use DatasetCollection with a loader: each session has one": """
        data.multi_session.MultiSessionLoader""",
    "nothing is downloaded here; fetch the file and see cebra_ethan.datasets": """
        data.assets.calculate_checksum data.assets.download_file_with_progress_bar
        helper.download_file_from_url helper.download_file_from_zip_url""",
    "use cebra.load_data(file, key)": "data.load.read_hdf",
    "it is unfinished in cebra 0.6.1; use cebra_ethan.data.dataset.ContrastiveDataset": """
        distributions.continuous.CEBRADistribution
        distributions.continuous.DirectTimedeltaDistribution
        distributions.mixed.ConfigurableDistribution""",
    "use DiscreteUniform or DiscreteEmpirical": "distributions.discrete.Discrete",
    "use MixedTimeDeltaDistribution": "distributions.mixed.Mixed",
    "no distance matrix is kept; use ContinuousIndex or cebra_ethan.data.neighbors": """
        distributions.index.ConditionalIndex distributions.index.DistanceMatrix
        distributions.index.MultiSessionIndex distributions.index.OffsetDistanceMatrix""",
    "use cebra_ethan.data.unified.Alignment": "distributions.multisession.UnifiedSampler",
    "loaders take no distributions here; derive from cebra_ethan.data.sampling.TimeSampler or "
    "another sampler": """
        distributions.base.ConditionalDistribution distributions.base.HasGenerator
        distributions.base.Index distributions.base.JointDistribution
        distributions.base.PriorDistribution""",
    "the only solver for it never ends in cebra 0.6.1 (fault 18); use "
    "cebra_ethan.models.supervised.SupervisedModel": "models.model.ClassifierModel",
    "build it by its name, cebra.models.init('offset1-model-mse-clip-1-1', ...)": """
        models.model.Offset0ModelMSEClip models.model.Offset0ModelMSETanHv2
        models.model.Offset0ModelResNetTanH""",
    "use sum(p.numel() for p in model.parameters())": "models.model.ParameterCountMixin",
    "use cebra_ethan.models.layers.Thin": "models.layers._MeanAndConv",
    "it cannot be built in cebra 0.6.1; use CEBRA(shared_trunk=True)": """
        models.projector.MultisessionProjectorModel""",
    "it cannot be built in cebra 0.6.1 (fault 18); train two solvers": """
        solver.base.AuxiliaryVariableSolver solver.single_session.SingleSessionAuxVariableSolver
        solver.multi_session.MultiSessionAuxVariableSolver""",
    "its fit never ends in cebra 0.6.1 (fault 18); use cebra_ethan.models.supervised": """
        solver.supervised.SupervisedNNSolver""",
    "the command line is `cebra-ethan` (that of cebra 0.6.1 does not work, fault 17)": """
        config.Config config.add_arguments""",
    "cebra 0.6.1 has no such class either (fault 18); use cebra_ethan.metrics.label_decoders": """
        RidgeRegressor""",
    "cebra 0.6.1 has no such class either (fault 18); see cebra.distributions for those there": """
        distributions.DeltaVMFDistribution distributions.continuous.DeltaVMFDistribution""",
    "keywords of one model leak into all later ones in cebra 0.6.1 (fault 13); use register": """
        solver.parametrize datasets.parametrize""",
    "everything is imported when it is used (it has no effect in cebra 0.6.1, fault 21)": """
        allow_lazy_imports""",
    "recordings are simulated by cebra_ethan.datasets.load_dataset('rat-simulated')": """
        datasets.poisson.PoissonNeuron datasets.poisson.PoissonNeuronTransform
        datasets.poisson.sample_parallel""",
    "it is random numbers; make them with numpy.random.default_rng": """
        datasets.demo.DemoDataset datasets.demo.DemoDatasetContinuous
        datasets.demo.DemoDatasetDiscrete datasets.demo.DemoDatasetMixed
        datasets.demo.DemoDatasetUnified datasets.demo.MultiContinuous
        datasets.demo.MultiDiscrete datasets.demo.MultiMixed""",
}

NOT_HERE: Mapping[str, str] = {
    name: reason for reason, names in _REASONS.items() for name in names.split()
}
"""Names of `cebra` that do not exist here: the reason, and what to use instead."""
