// SPDX-License-Identifier: Apache-2.0
package com.example.blazeface

import android.app.ActivityManager
import android.app.ApplicationExitInfo
import java.util.concurrent.atomic.AtomicInteger
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.Shadows
import org.robolectric.shadows.ShadowActivityManager

/** What is remembered of a GPU that takes the app with it, over processes that a test makes up. */
@RunWith(RobolectricTestRunner::class)
class JournalTest {
    @get:Rule
    val temporary: TemporaryFolder = TemporaryFolder()

    private val pids = AtomicInteger(70_000)
    private val alive = HashSet<Int>()

    private fun process() = pids.incrementAndGet().let { AppProcess(it, "p$it") { pid -> pid in alive } }

    private fun journal(process: AppProcess = process(), end: ProcessEnd = ProcessEnd.UNKNOWN, model: ShippedModel = Model.SHIPPED) =
        StartupJournal.open(temporary.root, model, { _, _ -> end }, process)

    /** A process that dies while the GPU works. */
    private fun die(end: ProcessEnd = ProcessEnd.UNKNOWN, model: ShippedModel = Model.SHIPPED) {
        journal(end = end, model = model).begin()
    }

    private fun other(name: String) = ShippedModel(
        name, "x", "0".repeat(64), "y", "0".repeat(64), 1, outputRows = 1, outputWidths = intArrayOf(1),
        readSelfTest = DetectorSelfTest::read,
    )

    @Test
    fun `two deaths are the budget of all models and precisions together`() {
        die(ProcessEnd.CRASHED)
        assertTrue("without kernels now", journal(end = ProcessEnd.CRASHED).isSuspect)
        assertNull(journal(end = ProcessEnd.CRASHED).verdict(Precision.FP16))
        die(ProcessEnd.CRASHED, other("face-landmark"))
        for (model in listOf(Model.SHIPPED, other("face-landmark"))) {
            for (precision in Precision.entries) assertNotNull(journal(end = ProcessEnd.CRASHED, model = model).verdict(precision))
        }
    }

    @Test
    fun `a driver that aborts kills the app twice and no more`() {
        var deaths = 0
        for (start in 1..10) {
            val journal = journal(end = ProcessEnd.CRASHED)
            for (precision in Precision.entries) {
                if (journal.verdict(precision) != null) continue
                journal.begin()
                deaths++
                break
            }
        }
        assertEquals(2, deaths)
    }

    @Test
    fun `an end that was no crash is not counted`() {
        repeat(5) { die(ProcessEnd.STOPPED) }
        val journal = journal(end = ProcessEnd.STOPPED)
        assertNull(journal.verdict(Precision.FP16))
        assertFalse(journal.isSuspect)
    }

    @Test
    fun `ends that nobody explains are forgiven once the GPU has worked for a while, crashes are not`() {
        die(ProcessEnd.UNKNOWN)
        journal(end = ProcessEnd.UNKNOWN).prove()
        assertFalse(journal().isSuspect)
        die(ProcessEnd.CRASHED)
        journal(end = ProcessEnd.CRASHED).prove()
        assertTrue(journal().isSuspect)
    }

    @Test
    fun `what is under way is no death, in this process or another that lives`() {
        val here = process()
        alive += here.pid
        journal(here).begin()
        journal(here).begin()
        val there = process()
        alive += there.pid
        journal(there).begin()
        assertFalse(journal(here).isSuspect)
        assertFalse(journal(here).verdict(Precision.FP16) != null)
        alive -= there.pid
        assertTrue(journal(here).isSuspect)
    }

    @Test
    fun `several entries of one process are one death`() {
        val process = process()
        repeat(3) { journal(process).begin() }
        assertNull(journal(end = ProcessEnd.CRASHED).verdict(Precision.FP16))
    }

    @Test
    fun `what ended is struck out, also by an exception`() {
        val process = process()
        runCatching { journal(process).watch { error("the runtime's") } }
        assertFalse(journal(end = ProcessEnd.CRASHED).isSuspect)
    }

    @Test
    fun `a crash in one of the first frames counts, and later frames are not watched`() {
        val options = FaceDetectorOptions(kernelCacheDirectory = temporary.root)
        val open = ArrayList<Boolean>()
        val file = checkNotNull(journal().directory).parentFile.resolve("gpu.properties")
        val engines = FakeEngines { Fakes.right { open += "open." in file.readText() } }
        Fakes.create(engines, options).use { detector -> repeat(ModelRunner.RUNS_WATCHED + 5) { detector.detect(Pixels.frame()) } }
        assertEquals(List(ModelRunner.RUNS_WATCHED + 1) { true } + List(5) { false }, open)
        assertFalse("open." in file.readText())
    }

    @Test
    fun `verdicts can be forgotten`() {
        repeat(2) { die(ProcessEnd.CRASHED) }
        assertNotNull(journal(end = ProcessEnd.CRASHED).verdict(Precision.FP16))
        FaceDetector.forgetStarts(Fakes.context, temporary.root)
        assertNull(journal().verdict(Precision.FP16))
    }

    @Test
    fun `the system's records tell a crash from a stop`() {
        val manager = Fakes.context.getSystemService(ActivityManager::class.java)
        val shadow = Shadows.shadowOf(manager)
        fun record(pid: Int, reason: Int, status: Int = 0, at: Long = 1_000) = shadow.addApplicationExitInfo(
            ShadowActivityManager.ApplicationExitInfoBuilder.newBuilder()
                .setPid(pid).setReason(reason).setStatus(status).setTimestamp(at).build(),
        )
        record(1, ApplicationExitInfo.REASON_CRASH_NATIVE)
        record(2, ApplicationExitInfo.REASON_SIGNALED, 11)
        record(3, ApplicationExitInfo.REASON_SIGNALED, 9)
        record(4, ApplicationExitInfo.REASON_USER_REQUESTED)
        record(5, ApplicationExitInfo.REASON_LOW_MEMORY)
        record(6, ApplicationExitInfo.REASON_ANR)
        record(7, ApplicationExitInfo.REASON_CRASH_NATIVE, at = 10)
        val ends = SystemProcessEnds(Fakes.context)
        val told = (1..8).map { ends.of(it, 500) }
        val (crashed, stopped, unknown) = ProcessEnd.entries
        assertEquals(listOf(crashed, crashed, stopped, stopped, stopped, crashed, unknown, unknown), told)
    }
}
