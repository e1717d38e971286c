//! The list of rules: one place, from which the tests of a driver are made.

/// Hands the list of all rules, as paths in this crate, to `__expand!` after what it was given.
#[doc(hidden)]
#[macro_export]
macro_rules! __rules {
    ($($how:tt)*) => {
        $crate::__expand! {
            { $($how)* }
            session::r01_a_new_connection_is_ready_and_in_autocommit,
            session::r02_calls_after_close_are_errors,
            session::r03_close_rolls_an_open_transaction_back,
            session::r04_ping_tells_whether_the_session_lives,
            session::r05_reset_makes_the_session_new,
            transactions::r06_a_dropped_transaction_is_rolled_back,
            transactions::r06_without_autocommit_the_first_statement_begins,
            transactions::r07_a_savepoints_name_is_taken_as_it_stands,
            transactions::r07_a_dropped_inner_transaction_undoes_its_savepoint_only,
            transactions::r08_commit_of_a_failed_transaction_is_an_error,
            transactions::r08_text_cannot_end_a_guarded_transaction,
            transactions::r09_late_errors_surface,
            transactions::r10_the_state_is_the_servers_after_every_error,
            transactions::r10_the_state_follows_the_users_text,
            transactions::r11_a_failed_state_exists_where_declared,
            transactions::r12_ddl_in_a_transaction_behaves_as_declared,
            transactions::r13_isolation_holds_for_that_transaction_only,
            transactions::r13_read_only_holds_for_that_transaction_only,
            transactions::r14_isolation_between_connections_is_as_declared,
            transactions::r14_serializable_transactions_lose_no_update,
            session::r15_a_cursor_sees_its_own_writes,
            session::r16_a_second_open_cursor_is_refused,
            results::r17_a_select_without_rows_has_columns,
            results::r18_statements_without_rows_have_no_columns,
            results::r19_fetching_without_rows_is_an_error,
            results::r20_duplicate_names_survive,
            results::r21_an_alias_is_the_name,
            results::r22_after_the_end_there_is_nothing_for_ever,
            results::r23_fetch_many_never_exceeds_n,
            results::r24_mixed_fetches_keep_order,
            results::r25_a_changed_array_size_counts_from_the_next_fill,
            results::r26_next_set_drops_the_rest,
            outcomes::r27_row_count_is_the_number_of_matched_rows,
            outcomes::r28_row_count_of_ddl_is_none,
            outcomes::r29_counts_with_returning_are_right,
            outcomes::r30_execute_many_is_all_or_nothing,
            outcomes::r30_execute_many_in_a_transaction_undoes_itself_alone,
            outcomes::r31_an_empty_execute_many_does_nothing,
            outcomes::r32_last_insert_id_is_none_unless_this_statement_inserted,
            parameters::r33_wrong_arity_is_an_error_before_anything_runs,
            parameters::r34_the_largest_number_of_parameters_works,
            parameters::r35_a_name_used_twice_takes_one_value,
            parameters::r36_placeholders_in_strings_are_untouched,
            parameters::r36_random_statements_give_what_they_say,
            parameters::r37_a_doubled_question_mark_is_one,
            parameters::r38_several_statements_are_for_script,
            parameters::r39_a_trailing_semicolon_is_fine,
            values::r40_null_and_empty_stay_distinct,
            values::r41_truth_values_round_trip,
            values::r41_integers_are_exact,
            values::r41_u64_is_exact_or_out_of_range,
            values::r42_doubles_are_exact,
            values::r42_singles_are_exact,
            values::r42_non_finite_numbers_are_exact_or_not_supported,
            values::r43_decimals_keep_scale_and_38_digits,
            values::r44_text_round_trips,
            values::r44_varchar_counts_characters,
            values::r44_nul_round_trips_or_is_not_supported,
            values::r45_bytes_round_trip,
            values::r45_a_blob_over_16_mib_round_trips,
            values::r45_uuids_round_trip,
            values::r45_documents_round_trip,
            values::r45_enums_as_text_round_trip,
            values::r45_arrays_round_trip_or_are_not_supported,
            values::r45_the_types_of_programs_round_trip,
            values::r46_dates_round_trip,
            values::r46_times_round_trip_to_the_microsecond,
            values::r46_spans_round_trip,
            values::r46_intervals_round_trip_or_are_not_supported,
            values::r47_naive_datetimes_round_trip,
            values::r47_instants_round_trip,
            values::r47_no_time_zone_shifts_anything,
            values::r47_the_times_of_programs_round_trip,
            values::r48_both_paths_give_equal_values,
            values::r49_narrowing_never_truncates,
            values::r49_malformed_times_are_refused,
            errors::r50_unique_violation,
            errors::r50_foreign_key_violation,
            errors::r50_not_null_violation,
            errors::r50_check_violation,
            errors::r50_syntax,
            errors::r50_missing_table,
            errors::r50_missing_column,
            errors::r50_object_that_exists,
            errors::r50_out_of_range,
            errors::r50_deadlock,
            errors::r50_lock_timeout,
            errors::r50_statement_timeout,
            errors::r50_read_only,
            errors::r50_no_error_shows_a_value,
            errors::r50_permission,
            cancel::r51_cancelling_is_as_declared,
            cancel::r51_a_request_stops_the_statement,
            cancel::r51_a_request_is_taken_while_rows_wait_for_their_reader,
            cancel::r51_a_request_never_hits_a_later_statement,
            cancel::r51_a_canceller_ends_with_its_connection,
            cancel::r52_a_limit_of_time_stops_the_statement,
            cancel::r52_a_limit_in_a_transaction_is_told,
            cancel::r52_a_dropped_call_is_stopped_on_the_server,
            cancel::r52_a_half_read_cursor_leaves_its_transaction_whole,
            dropped::r53_queries_can_be_dropped_anywhere,
            dropped::r53_writes_can_be_dropped_anywhere,
            dropped::r53_transactions_can_be_dropped_anywhere,
            dropped::r53_calls_of_the_session_can_be_dropped_anywhere,
            dropped::r53_the_drivers_own_calls_can_be_dropped_anywhere,
            dropped::r53_connecting_can_be_dropped_anywhere,
            session::r54_a_dropped_cursor_leaves_the_connection_correct,
            session::r54_a_dropped_returning_is_all_or_nothing,
            ended::r55_a_call_on_an_ended_session_is_told,
            ended::r55_a_running_statement_is_told,
            ended::r55_a_stream_that_ends_early_is_told,
            ended::r55_a_transaction_is_undone,
            ended::r55_others_go_on,
            capabilities::r56_warnings_can_be_read,
            two_phase::r57_two_phase_commit_is_as_declared,
            two_phase::r57_a_prepared_branch_commits,
            two_phase::r57_a_prepared_branch_rolls_back,
            two_phase::r57_without_prepare_the_commit_has_one_phase,
            two_phase::r57_an_active_branch_rolls_back,
            two_phase::r57_plain_ends_are_refused_inside,
            two_phase::r57_a_branch_begins_outside_of_a_transaction,
            two_phase::r57_a_prepared_branch_runs_nothing,
            two_phase::r57_another_connection_ends_what_is_pending,
            two_phase::r57_calls_out_of_turn_are_errors,
            two_phase::r57_an_active_branch_ends_with_its_session,
            two_phase::r57_a_prepared_branch_outlives_its_session,
            two_phase::r57_names_are_kept_to_the_byte,
            two_phase::r57_a_name_in_use_is_refused,
            two_phase::r57_a_failed_branch_cannot_be_prepared,
            two_phase::r57_a_dropped_begin_leaves_no_branch,
            two_phase::r57_branches_can_be_dropped_anywhere,
            catalog::r58_the_catalog_lists_tables,
            catalog::r58_the_catalog_round_trips_a_rich_schema,
            catalog::r58_what_the_catalog_found_can_be_created_again,
            capabilities::r59_the_driver_declares_what_is_required,
            capabilities::r59_indexes_are_as_declared,
            capabilities::r59_procedures_are_as_declared,
            capabilities::r59_undeclared_values_are_not_supported,
            capabilities::r59_schemas_are_as_declared,
            pipelines::r59_pipelines_are_as_declared,
            leaks::r60_statements_out_of_the_cache_are_closed,
            leaks::r60_without_a_cache_nothing_stays_prepared,
            leaks::r60_a_cached_statement_survives_a_changed_table,
            leaks::r60_a_cached_statement_survives_a_table_made_anew,
            leaks::r60_a_dropped_connection_frees_its_locks,
            pipelines::r61_a_pipeline_gives_what_its_statements_do,
            pipelines::r61_a_failing_pipeline_leaves_nothing,
            pipelines::r61_a_pipeline_in_a_transaction_undoes_itself_alone,
            pipelines::r61_a_pipeline_takes_what_can_be_undone,
        }
    };
}

/// Turns the list of rules into what is wanted.
#[doc(hidden)]
#[macro_export]
macro_rules! __expand {
    ({ names } $($chapter:ident :: $rule:ident,)*) => {
        &[$(::std::stringify!($rule)),*]
    };
    ({ tests $way:ident, $setup:expr } $($chapter:ident :: $rule:ident,)*) => {
        $(
            #[test]
            fn $rule() {
                $crate::run($setup, $crate::Way::$way, ::std::stringify!($rule), $crate::$chapter::$rule);
            }
        )*
    };
}

/// Makes the suite's tests for a driver: `direct::…` and `dynamic::…`, one for every rule.
///
/// It takes an expression that gives the driver's [`Setup`](crate::Setup), and is used once, at the top of a test's file. See
/// the [crate](crate) for an example.
#[macro_export]
macro_rules! suite {
    ($setup:expr) => {
        mod direct {
            #[allow(unused_imports)] // The expression may need no name from outside.
            use super::*;
            $crate::__rules! { tests Direct, $setup }
        }

        mod dynamic {
            #[allow(unused_imports)] // The expression may need no name from outside.
            use super::*;
            $crate::__rules! { tests Dynamic, $setup }
        }
    };
}

/// Makes the suite's tests on connections of a pool, `pooled::…`, by [`Setup::pooled`](crate::Setup::pooled): what holds for a
/// driver's connections holds for one that a pool lends, after others have had it.
#[macro_export]
macro_rules! pooled_suite {
    ($setup:expr) => {
        mod pooled {
            #[allow(unused_imports)] // The expression may need no name from outside.
            use super::*;
            $crate::__rules! { tests Pooled, $setup }
        }
    };
}

/// The names of all rules, in order.
pub const RULES: &[&str] = __rules! { names };

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn every_rule_of_the_contract_has_a_test() {
        let numbers: Vec<u32> =
            RULES.iter().map(|rule| rule[1..3].parse().expect("a rule begins with r and its number")).collect();
        let wanted = 1..=61;
        let missing: Vec<u32> = wanted.filter(|number| !numbers.contains(number)).collect();
        assert_eq!(missing, Vec::<u32>::new());
        let mut distinct = RULES.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), RULES.len());
    }
}
