import { useEffect } from 'react';
import { useState } from './rows';
import { useDataUpdates } from './data-updates';
import { ConnectionIndicator, ProgressBar, Table } from './ui';
import type { Document } from './ui';

// Hook usage in components
export function DocumentsTable() {
  const [documents, setDocuments] = useState<Document[]>([]);
  const { subscribe, connectionState } = useDataUpdates();

  useEffect(() => {
    // Subscribe to all document events
    return subscribe('document:*', (event) => {
      setDocuments((prev) =>
        prev.map((doc) =>
          doc.id === event.id ? { ...doc, ...event.data } : doc
        )
      );
    });
  }, [subscribe]);

  // Show connection indicator
  return (
    <>
      {connectionState === 'connecting' && <ConnectionIndicator />}
      <Table data={documents} />
    </>
  );
}

// Granular subscription (single entity)
export function EmbeddingProgress({ documentId }) {
  const [progress, setProgress] = useState({ embedded: 0, total: 0 });
  const { subscribe } = useDataUpdates();

  useEffect(() => {
    return subscribe(`document:${documentId}`, (event) => {
      if (event.data.embeddedChunks !== undefined) {
        setProgress({
          embedded: event.data.embeddedChunks,
          total: event.data.chunks,
        });
      }
    });
  }, [documentId, subscribe]);

  return <ProgressBar value={progress.embedded} max={progress.total} />;
}
