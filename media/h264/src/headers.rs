//! Sequence and picture parameter sets and slice headers (ITU-T H.264 sections 7.3.2 and 7.3.3) of what is written here.

use crate::bits::{Bits, append_unit};
use crate::encoder::Shape;

/// `profile_idc` of Baseline; with `constraint_set0_flag` and `constraint_set1_flag` it is Constrained Baseline.
const PROFILE: u32 = 66;
const CONSTRAINTS: u32 = 0b1100_0000;
/// Bits of `frame_num`.
const FRAME_NUM_BITS: u32 = 8;
/// The quantiser that `slice_qp_delta` is relative to (`pic_init_qp_minus26` is 0).
const INITIAL_QP: i32 = 26;
/// `colour_primaries`, `transfer_characteristics` and `matrix_coefficients` of BT.709.
const BT709: u32 = 1;
/// Motion vectors have less than 2 to this power quarters of a sample: those of [`crate::motion`] have.
const MAX_VECTOR_LOG2: u32 = 13;

/// Appends both parameter sets.
pub(crate) fn append_parameters(out: &mut Vec<u8>, shape: &Shape) {
    append_unit(out, 0x67, &sequence(shape));
    append_unit(out, 0x68, &picture());
}

fn sequence(shape: &Shape) -> Vec<u8> {
    let (wide, high) = shape.macroblocks();
    let mut bits = Bits::new();
    bits.put(PROFILE, 8);
    bits.put(CONSTRAINTS, 8);
    bits.put(u32::from(shape.level), 8);
    bits.unsigned(0); // seq_parameter_set_id
    bits.unsigned(FRAME_NUM_BITS - 4);
    bits.unsigned(2); // pic_order_cnt_type: pictures are shown as they come
    bits.unsigned(1); // max_num_ref_frames
    bits.flag(false); // gaps_in_frame_num_value_allowed_flag
    bits.unsigned(wide as u32 - 1);
    bits.unsigned(high as u32 - 1);
    bits.flag(true); // frame_mbs_only_flag
    bits.flag(true); // direct_8x8_inference_flag
    let (right, below) = (
        wide as u32 * 16 - shape.width,
        high as u32 * 16 - shape.height,
    );
    bits.flag(right + below > 0); // frame_cropping_flag
    if right + below > 0 {
        for crop in [0, right / 2, 0, below / 2] {
            bits.unsigned(crop);
        }
    }
    bits.flag(true); // vui_parameters_present_flag
    usability(&mut bits);
    bits.finish()
}

/// Annex E: the colours, and that no picture waits for another one.
fn usability(bits: &mut Bits) {
    bits.flag(false); // aspect_ratio_info_present_flag
    bits.flag(false); // overscan_info_present_flag
    bits.flag(true); // video_signal_type_present_flag
    bits.put(5, 3); // video_format: unspecified
    bits.flag(false); // video_full_range_flag
    bits.flag(true); // colour_description_present_flag
    for _ in 0..3 {
        bits.put(BT709, 8);
    }
    bits.flag(false); // chroma_loc_info_present_flag
    bits.flag(false); // timing_info_present_flag: pictures come when they come
    bits.flag(false); // nal_hrd_parameters_present_flag
    bits.flag(false); // vcl_hrd_parameters_present_flag
    bits.flag(false); // pic_struct_present_flag
    bits.flag(true); // bitstream_restriction_flag
    bits.flag(true); // motion_vectors_over_pic_boundaries_flag
    bits.unsigned(0); // max_bytes_per_pic_denom
    bits.unsigned(0); // max_bits_per_mb_denom
    bits.unsigned(MAX_VECTOR_LOG2);
    bits.unsigned(MAX_VECTOR_LOG2);
    bits.unsigned(0); // max_num_reorder_frames
    bits.unsigned(1); // max_dec_frame_buffering
}

fn picture() -> Vec<u8> {
    let mut bits = Bits::new();
    bits.unsigned(0); // pic_parameter_set_id
    bits.unsigned(0); // seq_parameter_set_id
    bits.flag(false); // entropy_coding_mode_flag: CAVLC
    bits.flag(false); // bottom_field_pic_order_in_frame_present_flag
    bits.unsigned(0); // num_slice_groups_minus1
    bits.unsigned(0); // num_ref_idx_l0_default_active_minus1
    bits.unsigned(0); // num_ref_idx_l1_default_active_minus1
    bits.flag(false); // weighted_pred_flag
    bits.put(0, 2); // weighted_bipred_idc
    bits.signed(0); // pic_init_qp_minus26
    bits.signed(0); // pic_init_qs_minus26
    bits.signed(0); // chroma_qp_index_offset
    bits.flag(true); // deblocking_filter_control_present_flag
    bits.flag(false); // constrained_intra_pred_flag
    bits.flag(false); // redundant_pic_cnt_present_flag
    bits.finish()
}

/// What a picture's one slice begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    pub(crate) keyframe: bool,
    /// Pictures since the last keyframe.
    pub(crate) number: u32,
    /// Differs between two keyframes in a row.
    pub(crate) keyframe_id: u32,
    /// The quantiser that the first macroblock's is told relative to.
    pub(crate) qp: u8,
}

impl Slice {
    /// The byte of the NAL unit.
    pub(crate) fn unit(&self) -> u8 {
        if self.keyframe { 0x65 } else { 0x61 }
    }

    pub(crate) fn write(&self, bits: &mut Bits) {
        bits.unsigned(0); // first_mb_in_slice
        bits.unsigned(if self.keyframe { 7 } else { 5 }); // slice_type: I or P, all of the picture
        bits.unsigned(0); // pic_parameter_set_id
        bits.put(self.number % (1 << FRAME_NUM_BITS), FRAME_NUM_BITS);
        if self.keyframe {
            bits.unsigned(self.keyframe_id);
            bits.flag(false); // no_output_of_prior_pics_flag
            bits.flag(false); // long_term_reference_flag
        } else {
            bits.flag(false); // num_ref_idx_active_override_flag
            bits.flag(false); // ref_pic_list_modification_flag_l0
            bits.flag(false); // adaptive_ref_pic_marking_mode_flag
        }
        bits.signed(i32::from(self.qp) - INITIAL_QP);
        bits.unsigned(1); // disable_deblocking_filter_idc
    }
}
